/** What can stand between this machine and a mesh, each looked at on its own. */
import { createClient } from '@gradmesh/api'
import { asMeshError } from '../failures.ts'
import { portTrouble } from '../ports.ts'
import { checkAdapterBeside } from './adapter-beside.ts'
import { checkClock } from './clock.ts'
import { checkDisk, checkFolder } from './disk.ts'
import { checkReach } from './reach.ts'
import { checkTuning } from './tune.ts'

export interface Check {
  readonly name: string
  readonly state: 'good' | 'attention' | 'bad'
  readonly found: string
  readonly details: readonly string[]
  readonly remedy: string | null
}

export interface DoctorInit {
  readonly folder: string
  readonly httpPort: number
  readonly p2pPort: number
  readonly adapter: string | null
  readonly ticket: string | null
  readonly peer: string | null
  /** Measure which form of the matrix product is fastest here. */
  readonly tune: boolean
}

export const good = (name: string, found: string, details: readonly string[] = []): Check => ({
  name,
  state: 'good',
  found,
  details,
  remedy: null
})

export const attention = (
  name: string,
  found: string,
  remedy: string,
  details: readonly string[] = []
): Check => ({
  name,
  state: 'attention',
  found,
  details,
  remedy
})

export const bad = (name: string, found: string, remedy: string, details: readonly string[] = []): Check => ({
  name,
  state: 'bad',
  found,
  details,
  remedy
})

/** A check that throws is a finding too. */
export const guarded = async (
  name: string,
  check: () => Promise<readonly Check[]>
): Promise<readonly Check[]> => {
  try {
    return await check()
  } catch (error) {
    const { message, remedy } = asMeshError(error)
    return [bad(name, message, remedy ?? 'see the message')]
  }
}

export const checkMachine = async (init: DoctorInit): Promise<readonly Check[]> => {
  const groups = [
    await guarded('node', async () => [checkNode(process.versions.node)]),
    await guarded('adapter', () => checkAdapterBeside(init.adapter)),
    init.tune ? await guarded('tuning', () => checkTuning(init.folder, init.adapter)) : [],
    await guarded('HTTP port', async () => [await checkHttpPort(init.httpPort)]),
    await guarded('peer port', async () => [await checkPeerPort(init.p2pPort, init.httpPort)]),
    await guarded('disk', async () => [await checkDisk(init.folder)]),
    await guarded('folder', async () => [await checkFolder(init.folder)]),
    await guarded('clock', async () => [await checkClock()]),
    await guarded('reach', () => checkReach(init))
  ]
  return groups.flat()
}

const NODE_MIN = [22, 18]

const checkNode = (version: string): Check => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = NODE_MIN
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
    ? good('node', `Node ${version}`)
    : bad('node', `Node ${version} is too old`, `install Node ${NODE_MIN.join('.')} or newer`)
}

const checkHttpPort = async (port: number): Promise<Check> => {
  const url = `http://127.0.0.1:${port}`
  const trouble = await portTrouble('127.0.0.1', port)
  if (trouble === null) return good('HTTP port', `${port} is free`)
  if (trouble === 'forbidden')
    return bad('HTTP port', `this user may not listen on ${port}`, 'choose one above 1023 with --port N')
  const status = await createClient(url, { timeoutMs: 3000 })
    .status()
    .catch(() => null)
  return status === null
    ? bad('HTTP port', `another program holds ${port}`, 'stop it, or choose another port with --port N')
    : good(
        'HTTP port',
        `a gradmesh peer runs at ${url} (${status.network}, ${status.phase}, ${status.peers} peers)`
      )
}

const checkPeerPort = async (port: number, httpPort: number): Promise<Check> => {
  const trouble = await portTrouble('0.0.0.0', port)
  if (trouble === null) return good('peer port', `${port} is free`)
  if (trouble === 'forbidden')
    return bad('peer port', `this user may not listen on ${port}`, 'choose one above 1023 with --p2p-port N')
  const status = await createClient(`http://127.0.0.1:${httpPort}`, { timeoutMs: 3000 })
    .status()
    .catch(() => null)
  return status?.addresses.some(address => address.includes(`/tcp/${port}`)) === true
    ? good('peer port', `${port} is held by the gradmesh peer that runs here`)
    : bad('peer port', `another program holds ${port}`, 'stop it, or choose another port with --p2p-port N')
}
