/**
 * What a person types or a unit file says: words after `gradmesh up`, variables of the environment, and the amounts
 * in both. They are refused with a usage error or understood; nothing else may come out of them.
 */
import { MeshError, utf8 } from '@gradmesh/core'
import { parseCommandLine } from '../../packages/cli/src/arguments.ts'
import type { Command } from '../../packages/cli/src/command.ts'
import { readBytes, readHours, readRate, readShare } from '../../packages/cli/src/quantities.ts'
import { logLevelOf, nodeOptions, peerOptions } from '../../packages/cli/src/settings.ts'
import type { Target } from './targets.ts'

const BYTES_MAX = 4_096

const command: Command = {
  name: 'up',
  options: peerOptions,
  args: [{ name: 'TICKET', required: false }],
  examples: [],
  run: async () => 0
}

const refusedOr = <T>(read: () => T): T | MeshError => {
  try {
    return read()
  } catch (error) {
    if (error instanceof MeshError && error.code.startsWith('USAGE_')) return error
    throw error
  }
}

const understood = (words: readonly string[], env: Readonly<Record<string, string>>): unknown =>
  refusedOr(() => {
    const { values, args } = parseCommandLine(command, words, env)
    return { args, level: logLevelOf(values), options: nodeOptions(values, '/') }
  })

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
const isRefusal = (answer: unknown): boolean => answer instanceof MeshError

/** One word a line. */
const words: Target = {
  name: 'CommandLine',
  samples: [
    '--port\n4180\n--p2p-port\n0\n--label\nattic',
    '--bootstrap\n/ip4/127.0.0.1/tcp/4190,/ip4/10.0.0.1/tcp/1\n--no-train\n--relay\non',
    '--max-gpu\n50%\n--max-memory\n2GiB\n--hours\n22:30-7\n--max-upload\n8Mbit/s\nticket',
    '--log-level=debug\n--\n-h\n--no-upnp',
    // As many as are taken, each shorter than what it costs to keep.
    `--bootstrap\n${Array(64).fill('/ip4/190').join()}`
  ].map(utf8),
  bytesMax: BYTES_MAX,
  decode: bytes => understood(textOf(bytes).split('\n'), {}),
  isRefusal,
  encode: null
}

/** NAME=VALUE lines. */
const environment: Target = {
  ...words,
  name: 'Environment',
  samples: [
    'GRADMESH_PORT=4180\nGRADMESH_LABEL=attic\nGRADMESH_NO_TRAIN=1',
    'GRADMESH_P2P_HOST=::1\nGRADMESH_RELAY=off\nGRADMESH_LOG_LEVEL=warn\nGRADMESH_HTTP_NAME=a,b'
  ].map(utf8),
  decode: bytes =>
    understood(
      [],
      Object.fromEntries(
        textOf(bytes)
          .split('\n')
          .map(line => {
            const at = line.indexOf('=')
            return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
          })
      )
    )
}

/** Every reader is given every text: none may answer anything but a sensible number or "that is none". */
const quantities: Target = {
  name: 'Quantities',
  samples: ['50%', '2GiB', '500 MB', '1MiB/s', '8Mbit/s', '22:30-7', '0-24'].map(utf8),
  bytesMax: 256,
  decode: bytes => {
    const text = textOf(bytes)
    const share = readShare(text)
    const amounts = [readBytes(text), readRate(text)]
    const hours = readHours(text)
    const isFine =
      (share === undefined || (share > 0 && share <= 1)) &&
      amounts.every(amount => amount === undefined || (Number.isSafeInteger(amount) && amount >= 1)) &&
      (hours === undefined || (hours.from >= 0 && hours.from < 1440 && hours.to >= 0 && hours.to <= 1440))
    if (!isFine) throw new RangeError(`not a sensible quantity: ${text}`)
    return { share, amounts, hours }
  },
  isRefusal: () => false,
  encode: null
}

export const commandLineTargets: readonly Target[] = [words, environment, quantities]
