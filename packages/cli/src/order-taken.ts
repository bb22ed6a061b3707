/** Waits until a final block has an order about stake, and sends it again meanwhile: gossip may have lost it. */
import type { Client, Stakes } from '@gradmesh/api'
import { MeshError } from '@gradmesh/core'

type Account = Stakes['trainers'][number]
type Asked = Pick<Client, 'status' | 'stakes' | 'block' | 'submit'>

const PATIENCE = { wholeMs: 120_000, pollMs: 500, submitEveryMs: 10_000 }

/** The order is on its way: a peer that is busy, or starts again, is asked again. */
const PASSING: ReadonlySet<string> = new Set(['API_UNREACHABLE', 'API_TIMEOUT'])

export interface Submitted {
  readonly id: string
  readonly key: string
  readonly nonce: number
  readonly transaction: string
  /** The first height whose block may have it. */
  readonly from: number
}

/** @throws MeshError `STAKE_UNDECIDED`, `STAKE_REPLACED` */
export const untilTaken = async (
  client: Asked,
  submitted: Submitted,
  { wholeMs, pollMs, submitEveryMs } = PATIENCE
): Promise<{ height: number; takenIn: number }> => {
  const start = performance.now()
  const search = makeSearch(client, submitted)
  let sentMs = start
  for (;;) {
    const taken = await search().catch(unless(PASSING))
    if (taken !== undefined) return taken
    const now = performance.now()
    if (now - start > wholeMs)
      throw new MeshError('STAKE_UNDECIDED', `no final block has the order after ${wholeMs / 1000} s`, {
        remedy: '`gradmesh status` says why the mesh makes no progress. The order may still be taken'
      })
    if (now - sentMs > submitEveryMs) {
      sentMs = now
      // Refused is what has been taken since the search: the next one finds it.
      const { transaction } = submitted
      await client.submit({ transaction }).catch(unless(new Set([...PASSING, 'TRANSACTION_REFUSED'])))
    }
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
}

/** Looks through the blocks that are final since the last time. */
const makeSearch = (client: Asked, { id, key, nonce, from }: Submitted) => {
  let height = from
  return async (): Promise<{ height: number; takenIn: number } | undefined> => {
    const { height: head, account } = await accountOf(client, key)
    for (; height <= head; height++) {
      const block = await client.block({ height })
      if (block.transactions.some(each => each.id === id)) return { height, takenIn: block.epoch }
    }
    if (account.nonce <= nonce) return undefined
    throw new MeshError('STAKE_REPLACED', 'another order of this key was taken instead', {
      remedy: 'look at `gradmesh stakes`, and give the order again if it is still wanted'
    })
  }
}

const unless =
  (passing: ReadonlySet<string>) =>
  (error: unknown): undefined => {
    if (!(error instanceof MeshError) || !passing.has(error.code)) throw error
  }

/** @throws MeshError `STAKE_UNREGISTERED` */
export const accountOf = async (
  client: Asked,
  key: string
): Promise<{ height: number; round: number; account: Account }> => {
  const [{ round }, { height, trainers }] = await Promise.all([client.status(), client.stakes()])
  const account = trainers.find(each => each.key === key)
  if (account !== undefined) return { height, round, account }
  throw new MeshError('STAKE_UNREGISTERED', 'the key in this folder is not registered with the mesh', {
    remedy: 'start the peer and let it register; --data names its folder, --url the peer that runs'
  })
}
