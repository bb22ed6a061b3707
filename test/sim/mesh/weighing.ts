/** The weights up to a final height, computed anew from the blocks that a peer holds, and compared with its own. */
import { isFault } from '@gradmesh/core'
import { decodeDelta, type Layout } from '@gradmesh/delta'
import type { Block } from '@gradmesh/wire'
import type { Checker, Named } from './checker.ts'
import type { Life } from './life.ts'
import { violate } from './violation.ts'

export const weigh = async (
  checker: Checker,
  layout: Layout,
  { node, peer }: Life,
  height: number,
  id: string
): Promise<void> => {
  const { chain, state } = peer.context
  // A flipped bit that nobody has had to read yet is no news to us.
  if (node.damaged || checker.weighedHeight >= height || chain.base().height > checker.weighedHeight) return
  while (checker.weighedHeight < height) {
    const block =
      (await chain.blockAt(checker.weighedHeight + 1)) ??
      violate(`peer ${node.machine.place} holds no block ${checker.weighedHeight + 1}`)
    checker.weigh({ block, deltas: await deltasOf(block, layout, chain) })
  }
  const weights = await state.weights({ id })
  if (weights !== null) checker.compare(node.machine.place, weights)
}

const deltasOf = async (
  { header, body }: Block,
  layout: Layout,
  chain: Life['peer']['context']['chain']
): Promise<Named['deltas']> => {
  const deltas: Named['deltas'][number][] = []
  for (const { digest } of body.deltas) {
    const signed =
      (await chain.delta(digest)) ?? violate(`a payload of final block ${header.height} is not held`)
    const delta = decodeDelta(layout, signed.payload)
    if (isFault(delta)) return violate(`a payload of final block ${header.height} does not decode`)
    deltas.push({ trainer: signed.header.trainer, steps: signed.header.steps, delta })
  }
  return deltas
}
