/** What somebody who helps from afar needs to know of a peer, and no secret. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@gradmesh/api'
import { toHex } from '@gradmesh/core'
import { readGenesis } from '@gradmesh/peer'
import { chainIdOf } from '@gradmesh/wire'
import type { Check } from '../doctor/checks.ts'
import { asMeshError } from '../failures.ts'
import { logFile } from '../logging.ts'
import { AGENT_VERSION } from '../version.ts'
import { type Secrets, withoutSecrets } from './secrets.ts'
import type { Entry } from './tar.ts'

export interface BundleInit {
  readonly folder: string
  readonly client: Client
  readonly env: Readonly<Record<string, string | undefined>>
  readonly secrets: Secrets
  readonly doctor: () => Promise<readonly Check[]>
}

const LOG_LINES = 1000
const BLOCKS = 50
/** Variables whose value is a secret. */
const HIDDEN = new Set(['GRADMESH_PASSPHRASE'])

export const bundleOf = async ({ folder, client, env, secrets, doctor }: BundleInit): Promise<Entry[]> => {
  const parts: Record<string, () => Promise<unknown>> = {
    'versions.json': async () => versions(),
    'config.json': () => config(folder, env),
    'doctor.json': doctor,
    'status.json': () => client.status(),
    'peers.json': () => client.peers(),
    'blocks.json': () => client.blocks({ limit: BLOCKS }),
    'stakes.json': () => client.stakes(),
    'metrics.txt': () => client.metrics(),
    'peer.log': () => lastLines(logFile(folder))
  }
  const entries: Entry[] = []
  for (const [name, read] of Object.entries(parts)) {
    const content = await read().catch(error => ({ missing: asMeshError(error).message }))
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`
    entries.push({ name: `gradmesh-support/${name}`, text: withoutSecrets(text, secrets) })
  }
  return entries
}

const versions = () => ({
  gradmesh: AGENT_VERSION,
  node: process.version,
  libraries: process.versions,
  system: `${platform()} ${release()} ${arch()}`,
  cores: cpus().length,
  processor: cpus()[0]?.model ?? null,
  memoryBytes: totalmem(),
  freeMemoryBytes: freemem()
})

const config = async (folder: string, env: BundleInit['env']) => ({
  folder,
  files: await filesOf(folder),
  genesis: await readGenesis(folder).then(
    ({ genesis }) => ({
      chainId: toHex(chainIdOf(genesis)),
      name: genesis.name,
      task: genesis.task.id,
      validators: genesis.validators.length,
      training: genesis.training,
      timing: genesis.timing,
      end: genesis.end
    }),
    error => ({ missing: asMeshError(error).message })
  ),
  environment: Object.fromEntries(
    Object.entries(env)
      .filter(([name]) => name.startsWith('GRADMESH_'))
      .map(([name, value]) => [name, HIDDEN.has(name) ? '[removed]' : value])
  )
})

/** Names, lengths and rights; of nothing but the log is the content read. */
const filesOf = async (folder: string) =>
  Promise.all(
    (await readdir(folder).catch(() => [])).map(async name => {
      const { size, mode, mtime } = await stat(join(folder, name))
      return { name, bytes: size, mode: (mode & 0o777).toString(8), changed: mtime.toISOString() }
    })
  )

const lastLines = async (path: string): Promise<string> => {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  return `${lines.slice(-LOG_LINES).join('\n')}\n`
}
