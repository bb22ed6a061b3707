/** Everything that is settled before the first peer starts: ports, keys, the genesis, a folder each. */
import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { MeshError } from '@gradmesh/core'
import { ensureKey, foundTask, makeFolder, makeGenesis, settleFolder } from '@gradmesh/peer'
import type { Task } from '@gradmesh/train'
import { peerAddress } from '../peer-address.ts'
import { requireFreePorts } from '../ports.ts'

export const HOST = '127.0.0.1'
/** Libp2p ports follow the HTTP ports at this distance. */
export const P2P_OFFSET = 10
export const PEERS_MAX = P2P_OFFSET

export interface DemoInit {
  readonly peers: number
  /** As the task's recipe says when null. */
  readonly rounds: number | null
  readonly seed: string
  readonly task: string
  readonly portBase: number
  /** A folder to keep; a temporary one when null. */
  readonly data: string | null
}

export interface PlannedPeer {
  readonly label: string
  readonly folder: string
  readonly port: number
  readonly p2pPort: number
  /** Multiaddrs of all the others. */
  readonly others: readonly string[]
}

export interface DemoPlan {
  readonly folder: string
  readonly temporary: boolean
  readonly task: Task
  readonly rounds: number
  readonly peers: readonly PlannedPeer[]
}

/** @throws MeshError `PORTS_IN_USE`, `DEMO_FOLDER_USED`, `TASK_UNKNOWN`, `FOLDER_WRITE` */
export const planDemo = async (init: DemoInit): Promise<DemoPlan> => {
  const { task, bases } = await foundTask(init.task)
  const rounds = init.rounds ?? task.recipe.rounds
  const http = range(init.peers, init.portBase)
  const p2p = range(init.peers, init.portBase + P2P_OFFSET)
  await requireFreePorts(
    HOST,
    [...http, ...p2p],
    'stop what listens there (an earlier demo?), or choose other ports with --port-base N'
  )
  const folder =
    init.data === null
      ? await mkdtemp(join(tmpdir(), 'gradmesh-demo-'))
      : await emptyFolder(resolve(init.data))
  const folders = http.map((_, i) => join(folder, `peer-${i}`))
  const keys = []
  for (const each of folders) keys.push(await ensureKey(each))
  const genesis = makeGenesis({
    name: 'demo',
    task,
    bases,
    validators: keys.map(({ publicKey }) => publicKey),
    seed: init.seed,
    rounds
  })
  for (const [i, each] of folders.entries()) await settleFolder(each, genesis, keys[i]!)
  const addresses = keys.map(({ publicKey }, i) => peerAddress(HOST, p2p[i]!, publicKey))
  return {
    folder,
    temporary: init.data === null,
    task,
    rounds,
    peers: folders.map((each, i) => ({
      label: `peer-${i}`,
      folder: each,
      port: http[i]!,
      p2pPort: p2p[i]!,
      others: addresses.filter((_, other) => other !== i)
    }))
  }
}

const range = (count: number, from: number): number[] => Array.from({ length: count }, (_, i) => from + i)

const emptyFolder = async (folder: string): Promise<string> => {
  const entries = await readdir(folder).catch(async () => {
    await makeFolder(folder)
    return []
  })
  if (entries.length === 0) return folder
  const holdsRun = entries.some(name => /^peer-\d+$/.test(name))
  throw new MeshError('DEMO_FOLDER_USED', `${folder} ${holdsRun ? 'already holds a run' : 'is not empty'}`, {
    remedy: holdsRun
      ? 'name another folder with --data DIR, or look at this run with `gradmesh verify --data DIR/peer-0`'
      : 'name an empty or new folder with --data DIR'
  })
}
