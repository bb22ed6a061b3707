/** What proves a checkpoint to others: the block after it, which carries its root, under a certificate of its own. */
import type { ChainStore } from '@gradmesh/store'
import type { FinalBlock } from '@gradmesh/wire'

export const provenSuccessor = async (chain: ChainStore, height: number): Promise<FinalBlock | undefined> => {
  const block = await chain.blockAt(height + 1)
  const certificate = await chain.finalCertificateFor(height + 1)
  return block === undefined || certificate?.slot !== block.header.slot ? undefined : { block, certificate }
}
