import { setsProofOf, stateRoot } from '@gradmesh/ledger'
import { blockIdOf, certificateFromVotes, encodeEpochProof, signVote, VoteKind } from '@gradmesh/wire'
import t from 'tap'
import { walkEpochs } from '../../src/sync/sets-proofs.ts'
import { Script, validatorKeys } from '../fixtures/script.ts'

const script = new Script()
const mesh = { genesis: script.genesis, chainId: script.chainId }
const { header } = script.next(script.roundBody([]))

/** What shows the sets of this epoch and the next, where the validators never change. */
const proofOf = (epoch: number): Uint8Array => {
  const accounts = { ...script.state.accounts, epoch }
  const shown = { ...header, epoch, stateRoot: stateRoot(accounts, script.state.leaves) }
  const vote = { epoch, slot: shown.slot, kind: VoteKind.FINAL, blockId: blockIdOf(shown) }
  const votes = validatorKeys.map((keys, i) => signVote(vote, i, script.chainId, keys))
  const certificate = certificateFromVotes(votes, validatorKeys.length)
  return encodeEpochProof({ header: shown, certificate, ...setsProofOf(accounts, script.state.leaves) })
}

/** Walks to epoch 4 with what each source answers, and tells the faults. */
const walk = async (...sources: ((epoch: number) => Uint8Array)[]) => {
  const faults: string[] = []
  const kept: number[] = []
  async function* ask(epoch: number): AsyncGenerator<Uint8Array> {
    for (const source of sources) yield source(epoch)
  }
  const epochs = await walkEpochs(
    mesh,
    epochs => epochs.at(4) !== undefined,
    ask,
    async ({ header }) => void kept.push(header.epoch),
    ({ fault }) => faults.push(fault)
  )
  return { running: epochs?.running.number, faults, kept }
}

t.test('proof by proof from the genesis', async t => {
  t.strictSame(await walk(proofOf), { running: 3, faults: [], kept: [1, 2, 3] })
})

t.test('a source that proves another epoch than it was asked for is passed over', async t => {
  for (const behind of [1, 2]) {
    const told = await walk(epoch => proofOf(Math.max(0, epoch - behind)), proofOf)
    t.match(told, { running: 3, kept: [1, 2, 3] }, `${behind} behind`)
    t.strictSame(new Set(told.faults), new Set(['SYNC_EPOCH']))
  }
})

t.test('what proves nothing leads nowhere', async t => {
  t.strictSame(await walk(() => new Uint8Array(3)), { running: undefined, faults: ['WIRE_LENGTH'], kept: [] })
})
