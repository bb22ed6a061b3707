/** The options that several commands share, and how they become `NodeOptions`. */
import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { RELAY_MODES, type RelayMode } from '@gradmesh/net'
import { type NodeOptions, nodeDefaults } from '@gradmesh/peer'
import { BOUNDS, isPrintable } from '@gradmesh/wire'
import { usage } from './arguments.ts'
import { capOptions, capsOf } from './caps.ts'
import type { Options, Values } from './command.ts'
import { passphraseOption } from './passphrase.ts'

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const P2P_PORT = 4190
const PORT = { min: 0, max: 65_535 }

export const dataOption = {
  data: {
    type: 'string',
    value: 'DIR',
    help: "the peer's folder",
    env: 'GRADMESH_DATA',
    default: '~/.gradmesh'
  }
} as const satisfies Options

export const datasetOption = {
  dataset: {
    type: 'string',
    value: 'DIR',
    help: "the data set of the mesh's task, for tasks that need one",
    env: 'GRADMESH_DATASET'
  }
} as const satisfies Options

const pluginOption = {
  task: {
    type: 'string',
    value: 'PATH',
    help: "the mesh's task, where it is no task of gradmesh: its file, folder or package; kept in DIR",
    env: 'GRADMESH_TASK'
  }
} as const satisfies Options

export const urlOption = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'the running peer',
    env: 'GRADMESH_URL',
    default: 'http://127.0.0.1:4180'
  },
  'http-token-file': {
    type: 'string',
    value: 'FILE',
    help: 'holds the bearer token of a peer on another machine',
    env: 'GRADMESH_HTTP_TOKEN_FILE'
  }
} as const satisfies Options

export const peerOptions = {
  ...dataOption,
  port: {
    type: 'string',
    value: 'N',
    help: 'HTTP port',
    env: 'GRADMESH_PORT',
    default: String(nodeDefaults.http.port)
  },
  'http-host': {
    type: 'string',
    value: 'IP',
    help: 'HTTP address',
    env: 'GRADMESH_HTTP_HOST',
    default: nodeDefaults.http.host
  },
  'http-name': {
    type: 'string',
    value: 'NAME',
    multiple: true,
    help: 'name that HTTP requests may use besides localhost and IP addresses, may be repeated',
    env: 'GRADMESH_HTTP_NAME'
  },
  'http-token-file': {
    type: 'string',
    value: 'FILE',
    help: 'holds the bearer token that HTTP demands, made when absent; DIR/http-token unless on loopback',
    env: 'GRADMESH_HTTP_TOKEN_FILE'
  },
  'http-open-reads': {
    type: 'boolean',
    help: 'whoever reaches the HTTP port may read without the token',
    env: 'GRADMESH_HTTP_OPEN_READS'
  },
  'p2p-port': {
    type: 'string',
    value: 'N',
    help: 'port for other peers',
    env: 'GRADMESH_P2P_PORT',
    default: String(P2P_PORT)
  },
  'p2p-host': {
    type: 'string',
    value: 'IP',
    help: 'address for other peers',
    env: 'GRADMESH_P2P_HOST',
    default: '0.0.0.0'
  },
  bootstrap: {
    type: 'string',
    value: 'MULTIADDR',
    multiple: true,
    help: 'peer to dial first, may be repeated',
    env: 'GRADMESH_BOOTSTRAP'
  },
  adapter: {
    type: 'string',
    value: 'NAME',
    help: 'part of the name of the GPU to use; hardware first',
    env: 'GRADMESH_ADAPTER'
  },
  ...capOptions,
  ...datasetOption,
  ...pluginOption,
  ...passphraseOption,
  archive: {
    type: 'boolean',
    help: `keep every block and delta, not only the newest ${nodeDefaults.keepBlocks} blocks`,
    env: 'GRADMESH_ARCHIVE'
  },
  label: {
    type: 'string',
    value: 'TEXT',
    mayBeEmpty: true,
    help: 'how others see this peer',
    env: 'GRADMESH_LABEL'
  },
  'no-train': { type: 'boolean', help: 'follow and vote, but send no deltas', env: 'GRADMESH_NO_TRAIN' },
  announce: {
    type: 'string',
    value: 'MULTIADDR',
    multiple: true,
    help: 'address that others should dial, such as /ip4/A.B.C.D/tcp/4190; may be repeated',
    env: 'GRADMESH_ANNOUNCE'
  },
  relay: {
    type: 'string',
    value: 'MODE',
    help: `relay for members that others can't call: ${RELAY_MODES.join(', ')} (if others can call this one)`,
    env: 'GRADMESH_RELAY',
    default: 'auto'
  },
  'no-upnp': {
    type: 'boolean',
    help: "don't ask the router to forward the port",
    env: 'GRADMESH_NO_UPNP'
  },
  'no-mdns': { type: 'boolean', help: "don't look for peers on the local network", env: 'GRADMESH_NO_MDNS' },
  'log-level': {
    type: 'string',
    value: 'LEVEL',
    choices: LOG_LEVELS,
    help: `on the terminal: ${LOG_LEVELS.join(', ')}`,
    env: 'GRADMESH_LOG_LEVEL',
    default: 'info'
  }
} as const satisfies Options

export const folderOf = (values: Values): string => pathOf(values.text('data') ?? '~/.gradmesh')

/** `~` is the shell's, but a default or a variable may carry it. */
export const pathOf = (given: string): string =>
  resolve(given === '~' || given.startsWith('~/') ? join(homedir(), given.slice(1)) : given)

export const logLevelOf = (values: Values): LogLevel => {
  const given = values.text('log-level') ?? 'info'
  const level = LOG_LEVELS.find(name => name === given)
  if (level === undefined)
    throw usage('VALUE', `--log-level ${given} is none of ${LOG_LEVELS.join(', ')}`, 'correct the value')
  return level
}

export const datasetOf = (values: Values): string | null => {
  const given = values.text('dataset')
  return given === undefined ? null : resolve(given)
}

const relayModeOf = (values: Values): RelayMode => {
  const given = values.text('relay') ?? 'auto'
  const mode = RELAY_MODES.find(name => name === given)
  if (mode === undefined)
    throw usage('VALUE', `--relay ${given} is none of ${RELAY_MODES.join(', ')}`, 'correct the value')
  return mode
}

/** All that the options say: read before anything is written. @throws MeshError `USAGE_VALUE` */
export const nodeOptions = (values: Values, folder: string): Omit<NodeOptions, 'logger'> => {
  const label = values.text('label') ?? ''
  if (Buffer.byteLength(label) > BOUNDS.labelBytesMax || !isPrintable(label))
    throw usage(
      'VALUE',
      `--label is longer than ${BOUNDS.labelBytesMax} bytes, or has characters that do not show`,
      'choose a shorter, plain one'
    )
  const host = values.text('p2p-host') ?? '0.0.0.0'
  if (isIP(host) === 0)
    throw usage(
      'VALUE',
      `--p2p-host ${host} is no IP address`,
      'give one of this machine, or 0.0.0.0 for all of them'
    )
  return {
    folder,
    http: {
      host: values.text('http-host') ?? nodeDefaults.http.host,
      port: values.integer('port', PORT) ?? nodeDefaults.http.port,
      names: values.texts('http-name'),
      tokenFile: values.text('http-token-file') ?? null,
      openReads: values.is('http-open-reads')
    },
    listen: [`/ip${isIP(host)}/${host}/tcp/${values.integer('p2p-port', PORT) ?? P2P_PORT}`],
    bootstrap: values.texts('bootstrap'),
    announce: values.texts('announce'),
    relay: relayModeOf(values),
    upnp: !values.is('no-upnp'),
    mdns: !values.is('no-mdns'),
    adapter: values.text('adapter') ?? null,
    dataset: datasetOf(values),
    train: !values.is('no-train'),
    label,
    caps: capsOf(values),
    keepBlocks: values.is('archive') ? null : nodeDefaults.keepBlocks,
    evaluateEvery: nodeDefaults.evaluateEvery
  }
}

/** Those that the command line names, and those that the folder remembers. */
export const withKnown = (
  { bootstrap }: Pick<NodeOptions, 'bootstrap'>,
  known: readonly string[]
): readonly string[] => [...new Set([...bootstrap, ...known])]
