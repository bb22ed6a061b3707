import type { Input } from '@gradmesh/consensus'
import { sha256, utf8 } from '@gradmesh/core'
import { genesisSets } from '@gradmesh/ledger'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  type Certificate,
  certificateFromVotes,
  encodeCertificate,
  signVote,
  type Vote,
  VoteKind
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { Admitting } from '../../src/round/admitting.ts'
import { Epochs } from '../../src/round/epochs.ts'
import { Evidences } from '../../src/round/evidences.ts'
import { Spreading } from '../../src/round/spreading.ts'
import type { Ledger } from '../../src/state/ledger.ts'
import { makeNode } from '../fixtures/node.ts'
import { keysOf, Script, smallGenesis } from '../fixtures/script.ts'

/** So many that the signatures of a certificate are checked on other threads. */
const SEATS = 60
const keys = Array.from({ length: SEATS }, (_, i) => keysOf(`seat ${i}`))

/** What the vote of a large mesh is told, in order; the newest final block is in `finalSlot`. */
const admitting = async (t: Test) => {
  const script = new Script()
  const node = await makeNode(script, createMemoryHub(), keys[0]!)
  t.teardown(() => node.close())
  const genesis = smallGenesis({ validators: keys.map(({ publicKey: key }) => ({ key, stake: 1n })) })
  const epochs = new Epochs(genesisSets(genesis), null)
  const context = { ...node.context, epochs }
  const final = { header: null, slot: 0, accounts: { epoch: 0 } }
  const inputs: Input[] = []
  const part = new Admitting(
    context,
    { final } as unknown as Ledger,
    new Evidences(context.chainId, genesis.epochs),
    new Spreading(context, () => final.slot),
    { frontier: 1, epoch: epochs.running, isRunning: true, input: input => inputs.push(input) }
  )
  const vote = (validator: number, slot: number): Vote => {
    const body = { epoch: 0, slot, kind: VoteKind.NOTAR, blockId: sha256(utf8(`block ${slot}`)) }
    return signVote(body, validator, context.chainId, keys[validator]!)
  }
  const certificate = (slot: number): Certificate =>
    certificateFromVotes(
      keys.map((_, validator) => vote(validator, slot)),
      SEATS
    )
  return { part, final, inputs, vote, certificate }
}

t.test('what comes behind a large certificate does not wait for its signatures', async t => {
  const { part, inputs, vote, certificate } = await admitting(t)
  const large = certificate(5)
  const taken = part.offerCertificate(encodeCertificate(large))
  t.type(taken, Promise)
  const behind = vote(3, 6)
  t.equal(part.takeVote(behind), null)
  t.strictSame(inputs, [{ type: 'vote', vote: behind }])
  t.equal(await taken, null)
  t.match(inputs[1], { type: 'certificate', certificate: { slot: 5 } })
})

t.test('the same certificate from two neighbours at once is told once', async t => {
  const { part, inputs, certificate } = await admitting(t)
  const large = certificate(5)
  const answers = await Promise.all([part.takeCertificate(large), part.takeCertificate(large)])
  // Other threads check them: either may be done first.
  const [refused, ...others] = answers.filter(answer => answer !== null)
  t.match(refused, { fault: 'CERTIFICATE_KNOWN' })
  t.strictSame(others, [])
  t.equal(inputs.length, 1)
})

t.test('a certificate whose slot was settled while its signatures were checked is past', async t => {
  const { part, final, inputs, certificate } = await admitting(t)
  const taken = part.takeCertificate(certificate(5))
  final.slot = 5
  t.match(await taken, { fault: 'VOTE_PAST' })
  t.strictSame(inputs, [])
})

t.test('a forged one is told to nobody, and does not stand in the way of the true one', async t => {
  const { part, inputs, certificate } = await admitting(t)
  const { signatures, ...rest } = certificate(5)
  const forged = { ...rest, signatures: signatures.with(SEATS - 1, signatures[0]!) }
  const [no, yes] = await Promise.all([
    part.takeCertificate(forged),
    part.takeCertificate({ ...rest, signatures })
  ])
  t.match(no, { fault: 'WIRE_SIGNATURE' })
  t.equal(yes, null)
  t.equal(inputs.length, 1)
})
