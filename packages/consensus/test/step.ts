import fc from 'fast-check'
import t from 'tap'
import { type BlockRef, createConsensus, type Effect, fromGenesis, type Input, step } from '../src/index.ts'
import { block, certificate, configOf, kinds, Peer, slotLedBy, types, vote } from './fixtures/mesh.ts'

const config = configOf([1, 1, 1, 1])
const lone = { ...config, resendMs: 1_000_000, syncAfterMs: 1_000_000 }
const DEADLINE = 1_600
/** A slot and the one after it, both led by others than the peer under test. */
const quiet = (() => {
  for (let slot = 1; ; slot++) {
    const first = slotLedBy(config, leader => leader !== 0, slot)
    if (slotLedBy(config, leader => leader !== 0, first + 1) === first + 1) return first
  }
})()

/** A peer whose frontier is `slot`, everything below skipped. */
const peerAt = (slot: number, change = {}): Peer => {
  const peer = new Peer({ ...lone, ...change })
  for (let skipped = 1; skipped < slot; skipped++) peer.certificates(certificate('SKIP', skipped))
  peer.effects = []
  return peer
}

t.test('the good case: NOTAR, certificate, FINAL, final block', async t => {
  const peer = peerAt(quiet)
  const made = block(quiet, null)
  t.strictSame(types(peer.feed({ type: 'block', block: made })), ['validate'])
  t.strictSame(kinds(peer.feed({ type: 'verdict', id: made.id, valid: true })), [`NOTAR ${quiet}`])
  t.strictSame(types(peer.votes(vote(1, 'NOTAR', made))), [], 'two of four are too few')
  t.strictSame(types(peer.votes(vote(2, 'NOTAR', made))), ['certificate', 'vote'])
  t.equal(peer.state.frontier, quiet + 1)
  t.strictSame(kinds(peer.effects), [`NOTAR ${quiet}`, `FINAL ${quiet}`])
  const last = peer.votes(vote(1, 'FINAL', made), vote(2, 'FINAL', made))
  t.strictSame(types(last), ['certificate', 'finalise'])
  t.match(last[1], { type: 'finalise', blocks: [{ id: made.id }] })
  t.equal(peer.state.final.id, made.id)
})

t.test('a leader proposes once: on a final parent a round, on another after Δ an empty block', async t => {
  const mine = slotLedBy(config, leader => leader === 0, 2)
  const peer = peerAt(mine - 1)
  const parent = block(mine - 1, null)
  peer.valid(parent)
  peer.certificates(certificate('NOTAR', parent))
  t.equal(peer.state.frontier, mine)
  t.notOk(types(peer.effects).includes('propose'), 'FINAL of the parent may still come')
  t.strictSame(types(peer.at(199)), [])
  t.match(peer.at(200), [{ type: 'propose', slot: mine, parentId: parent.id, empty: true }])
  t.strictSame(
    types(peer.certificates(certificate('FINAL', parent))),
    ['certificate', 'finalise'],
    'not again'
  )

  const lucky = peerAt(mine - 1)
  lucky.valid(parent)
  lucky.certificates(certificate('NOTAR', parent))
  const effects = lucky.certificates(certificate('FINAL', parent))
  t.match(effects.at(-1), { type: 'propose', slot: mine, parentSlot: mine - 1, empty: false })
})

t.test('a leader does not wait for a FINAL that can not come: too many have voted SKIP', async t => {
  const mine = slotLedBy(config, leader => leader === 0, 2)
  const peer = peerAt(mine - 1)
  const parent = block(mine - 1, null)
  peer.valid(parent)
  peer.votes(vote(1, 'SKIP', mine - 1))
  peer.certificates(certificate('NOTAR', parent))
  t.notOk(types(peer.effects).includes('propose'), 'three of four may still vote FINAL')
  const effects = peer.votes(vote(2, 'SKIP', mine - 1))
  t.match(effects.at(-1), { type: 'propose', slot: mine, parentId: parent.id, empty: true })
})

t.test('no NOTAR without a certified parent and SKIP for every gap', async t => {
  const peer = new Peer(lone)
  const slot = slotLedBy(config, leader => leader !== 0, 3)
  const made = block(slot, null)
  const skips = Array.from({ length: slot - 1 }, (_, i) => certificate('SKIP', i + 1))
  peer.certificates(...skips.slice(0, -1))
  const between = block(slot - 1, null)
  t.strictSame(types(peer.feed({ type: 'block', block: made })), [], 'the frontier is not there yet')
  peer.certificates(certificate('NOTAR', between))
  t.equal(peer.state.frontier, slot)
  t.notOk(types(peer.effects).includes('validate'), 'a certified slot lies between, and was not skipped')
  peer.certificates(skips.at(-1)!)
  t.ok(types(peer.effects).includes('validate'), 'its SKIP certificate closes the gap')
  const orphan = block(slot, block(slot - 1, null, { empty: true }), { empty: true })
  t.notMatch(
    peer.feed({ type: 'block', block: orphan }),
    [{ type: 'validate' }],
    'its parent is certified nowhere'
  )
})

t.test('a block that closes a round waits for its parent to be final, an empty one does not', async t => {
  const parent = block(quiet, null)
  for (const empty of [true, false]) {
    const peer = peerAt(quiet)
    peer.valid(parent)
    peer.certificates(certificate('NOTAR', parent))
    const child = block(quiet + 1, parent, { empty })
    const effects = peer.feed({ type: 'block', block: child })
    t.strictSame(types(effects), empty ? ['validate'] : [])
    if (!empty) {
      const final = peer.certificates(certificate('FINAL', parent))
      t.strictSame(
        types(final),
        ['certificate', 'finalise', 'validate'],
        'finality is told before the question'
      )
    }
  }
})

t.test('FINAL only for the block of the own NOTAR, and not after SKIP', async t => {
  const made = block(quiet, null)
  const skipper = peerAt(quiet)
  skipper.valid(made)
  skipper.at(DEADLINE * 100)
  skipper.certificates(certificate('NOTAR', made))
  t.strictSame(kinds(skipper.effects.filter(e => e.type === 'vote' && e.vote.slot === quiet)), [
    `NOTAR ${quiet}`,
    `SKIP ${quiet}`
  ])
  const other = peerAt(quiet)
  other.valid(block(quiet, null, { empty: true }))
  other.certificates(certificate('NOTAR', made))
  t.strictSame(kinds(other.effects), [`NOTAR ${quiet}`])
})

t.test('SKIP when time is up, once, and never after FINAL', async t => {
  const peer = peerAt(quiet)
  const { deadlineMs } = peer.state.timers!
  t.strictSame(kinds(peer.at(deadlineMs - 1)), [])
  t.strictSame(kinds(peer.at(deadlineMs)), [`SKIP ${quiet}`])
  t.strictSame(kinds(peer.at(deadlineMs + 10_000)), [])

  const made = block(quiet, null)
  const facts = [{ slot: quiet, notar: made.id, skip: false, final: made.id }]
  const restored = { ...fromGenesis, facts, highWaterSlot: quiet, blocks: [made] }
  const skips = Array.from({ length: quiet - 1 }, (_, i) => certificate('SKIP', i + 1))
  const back = new Peer(lone, { ...restored, certificates: skips })
  t.equal(back.state.frontier, quiet, 'the NOTAR certificate got lost in the crash')
  t.strictSame(kinds(back.at(1_000_000)), [])
})

t.test('SKIP at once when the proposal is invalid or the leader gave up, unless NOTAR was cast', async t => {
  const made = block(quiet, null)
  const strict = peerAt(quiet)
  strict.feed({ type: 'block', block: made }, { type: 'verdict', id: made.id, valid: false })
  t.strictSame(strict.voted(), [`SKIP ${quiet}`])
  const high = peerAt(quiet)
  high.feed({ type: 'block', block: { ...made, height: 7 } })
  t.strictSame(high.voted(), [`SKIP ${quiet}`], 'a height that does not follow needs no question')
  const leader = vote(high.state.leader, 'SKIP', quiet)
  const told = peerAt(quiet)
  told.votes({ ...leader, validator: told.state.leader })
  t.strictSame(told.voted(), [`SKIP ${quiet}`])
  const bound = peerAt(quiet)
  bound.valid(made)
  bound.votes({ ...leader, validator: bound.state.leader })
  t.strictSame(bound.voted(), [`NOTAR ${quiet}`])
})

t.test('a stale vote is answered with the certificate that ended its slot', async t => {
  const peer = peerAt(quiet)
  const skip = certificate('SKIP', quiet)
  peer.certificates(skip)
  const late = vote(0, 'NOTAR', block(quiet, null))
  const from = peer.votes({ ...late, validator: 3 })
  t.strictSame(types(from), [], 'a late vote is usual')
  t.match(peer.votes({ ...late, validator: 3 }), [{ type: 'answer', validator: 3, certificate: skip }])
  const many = Array.from({ length: 50 }, () => ({ ...late, validator: 3 }))
  t.equal(peer.votes(...many).length, 3, 'at most four answers in one resendMs')
})

t.test('what is far below the final slot is answered with FINAL', async t => {
  const slot = 20
  const made = block(slot, null)
  const peer = new Peer(lone)
  const proof = certificate('FINAL', made)
  t.strictSame(
    types(peer.feed({ type: 'final', block: made, certificate: proof })),
    [],
    'sync needs no finalise'
  )
  t.equal(peer.state.frontier, slot + 1)
  t.match(peer.votes(vote(2, 'SKIP', 1)), [{ type: 'answer', validator: 2, certificate: proof }])
})

const accusations = (effects: readonly Effect[]) => effects.filter(({ type }) => type === 'evidence')

t.test('each contradiction of one validator in one slot becomes evidence, once', async t => {
  const [a, b] = [block(quiet, null), block(quiet, null, { empty: true })]
  const cases = [
    ['NOTAR', a, 'NOTAR', b],
    ['FINAL', a, 'FINAL', b],
    ['SKIP', quiet, 'FINAL', a],
    ['FINAL', a, 'SKIP', quiet]
  ] as const
  for (const [kind, of, otherKind, other] of cases) {
    const peer = peerAt(quiet)
    const [first, second] = [vote(2, kind, of), vote(2, otherKind, other)]
    t.match(accusations(peer.votes(first, second)), [{ first, second }])
    t.strictSame(accusations(peer.votes(first, second, second)), [])
  }
  const honest = peerAt(quiet)
  const both = honest.votes(vote(2, 'NOTAR', a), vote(2, 'SKIP', quiet))
  t.strictSame(accusations(both), [], 'NOTAR and SKIP may both be')
  const proof = honest.certificates(certificate('FINAL', a, [1, 2, 3]))
  t.match(accusations(proof), [{ second: { validator: 2 } }], 'also out of certificates')
})

t.test('certificates that exclude each other stop the peer', async t => {
  const [a, b] = [block(quiet, null), block(quiet, null, { empty: true })]
  for (const pair of [
    [certificate('NOTAR', a), certificate('NOTAR', b)],
    [certificate('SKIP', quiet), certificate('FINAL', a)],
    [certificate('FINAL', a), certificate('SKIP', quiet)]
  ]) {
    const peer = peerAt(quiet)
    t.ok(types(peer.certificates(...pair)).includes('broken'))
    t.strictSame(types(peer.at(1_000_000)), [])
  }
})

t.test('a certified block that nobody sent is fetched, again and again, then finalised', async t => {
  const peer = peerAt(quiet, { resendMs: 1_000 })
  const parent = block(quiet, null)
  const child = block(quiet + 1, parent, { empty: true })
  const ask = peer.certificates(certificate('FINAL', child))
  t.match(ask, [{ type: 'certificate' }, { type: 'fetch', id: child.id, slot: child.slot }])
  t.match(peer.feed({ type: 'block', block: child }), [{ type: 'fetch', id: parent.id, slot: quiet }])
  t.strictSame(types(peer.at(999)), [])
  t.ok(types(peer.at(1_000)).includes('fetch'))
  t.match(peer.feed({ type: 'block', block: parent })[0], {
    type: 'finalise',
    blocks: [{ id: parent.id }, { id: child.id }]
  })
})

t.test('a stalled peer resends its votes and asks for sync, at their rates', async t => {
  const peer = peerAt(quiet, { resendMs: 1_000, syncAfterMs: 5_000 })
  peer.valid(block(quiet, null))
  const count = (type: string) => peer.effects.filter(effect => effect.type === type).length
  for (let now = 0; now <= 10_000; now += 50) peer.at(now)
  t.equal(count('resend'), 10)
  t.equal(count('sync'), 2)
})

t.test('a follower tracks finality and never speaks', async t => {
  const peer = new Peer({ ...config, self: null })
  const made = block(1, null)
  peer.valid(made)
  peer.votes(...[1, 2, 3].flatMap(i => [vote(i, 'NOTAR', made), vote(i, 'FINAL', made)]))
  peer.at(100_000)
  t.equal(peer.state.final.id, made.id)
  const spoken = ['vote', 'propose', 'resend', 'validate', 'answer']
  t.strictSame(
    types(peer.effects).filter(type => spoken.includes(type)),
    []
  )
})

t.test('input that makes no sense changes nothing', async t => {
  const peer = peerAt(quiet)
  const before = peer.state.slots
  const good = block(quiet, null)
  const blocks: BlockRef[] = [
    { ...good, id: 'XY' },
    { ...good, parentSlot: quiet },
    { ...good, slot: 1.5 },
    { ...good, height: -1 }
  ]
  const ballot = vote(1, 'NOTAR', good)
  const odd = [
    { ...ballot, epoch: 3 },
    { ...ballot, validator: 4 },
    { ...ballot, validator: -1 },
    { ...ballot, slot: 0 },
    { ...ballot, kind: 4 as never },
    { ...ballot, blockId: new Uint8Array(31) },
    { ...ballot, blockId: new Uint8Array(32) },
    { ...vote(1, 'SKIP', quiet), blockId: ballot.blockId }
  ]
  const short = certificate('NOTAR', good, [1, 2])
  const inputs: Input[] = [
    ...blocks.map(block => ({ type: 'block', block }) as const),
    ...odd.map(vote => ({ type: 'vote', vote }) as const),
    { type: 'certificate', certificate: short },
    { type: 'final', block: good, certificate: certificate('NOTAR', good) },
    { type: 'final', block: good, certificate: certificate('FINAL', quiet as never as BlockRef) },
    { type: 'verdict', id: good.id, valid: true }
  ]
  for (const input of inputs) t.strictSame(types(peer.feed(input)), [], input.type)
  t.strictSame(peer.state.slots, before)
})

t.test(
  'the step is pure: same state and input, same answer, and the state before stays as it was',
  async t => {
    const made = [block(1, null), block(2, null), block(1, null, { empty: true })]
    const input: fc.Arbitrary<Input> = fc.oneof(
      fc.constant<Input>({ type: 'tick' }),
      fc.constantFrom(...made).map(block => ({ type: 'block', block }) as const),
      fc.constantFrom(...made).map(({ id }) => ({ type: 'verdict', id, valid: true }) as const),
      fc
        .tuple(
          fc.nat({ max: 3 }),
          fc.constantFrom('NOTAR' as const, 'FINAL' as const),
          fc.constantFrom(...made)
        )
        .map(([i, kind, of]) => ({ type: 'vote', vote: vote(i, kind, of) }) as const)
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(input, fc.nat({ max: 900 })), { maxLength: 25 }), inputs => {
        let state = createConsensus(config, fromGenesis)
        let now = 0
        for (const [next, ms] of inputs) {
          const before = structuredClone(state)
          now += ms
          const [after, effects] = step(state, now, next)
          t.strictSame(step(state, now, next), [after, effects])
          t.strictSame(state, before)
          state = after
        }
      }),
      { numRuns: 20 }
    )
  }
)
