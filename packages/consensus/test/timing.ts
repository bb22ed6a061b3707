import t from 'tap'
import { addSample, estimateDelayMs, patienceMs, timeoutMs } from '../src/timing.ts'
import { certificate, configOf, Peer, slotLedBy } from './fixtures/mesh.ts'

const config = configOf([1, 1, 1, 1])

t.test('3Δ·1.5^k, rounded down, capped', async t => {
  t.strictSame(
    [0, 1, 2, 3, 4].map(k => patienceMs(201, k, config)),
    [603, 904, 1356, 2034, 3051]
  )
  t.equal(patienceMs(201, 1_000_000, config), 60_000)
  t.equal(timeoutMs(200, 0, true, config), 1_600)
  t.equal(timeoutMs(200, 0, false, config), 600)
})

t.test('Δ is twice the third quartile of what was seen, within its bounds', async t => {
  t.equal(estimateDelayMs([], config), 200, 'the start')
  t.equal(estimateDelayMs([300, 120], config), 600)
  t.equal(estimateDelayMs([60, 70, 80], config), 160, 'the start counts no more than any')
  t.equal(estimateDelayMs(Array(50).fill(10), config), 100, 'not below the minimum')
  t.equal(estimateDelayMs(Array(50).fill(99_999), config), 5_000, 'not above the maximum')
  const calm = Array<number>(12).fill(150)
  t.equal(
    estimateDelayMs([...calm, ...Array(4).fill(4_000)], config),
    300,
    'a quarter of outliers is forgiven'
  )
  t.equal(estimateDelayMs([...calm, ...Array(5).fill(4_000)], config), 5_000, 'what is usual is not')
  let samples: readonly number[] = []
  for (let i = 0; i < 500; i++) samples = addSample(samples, i)
  t.strictSame([samples.length, samples[0]], [128, 372])
})

t.test('timeouts grow from slot to slot and only a FINAL resets them', async t => {
  const peer = new Peer({ ...config, self: 0, resendMs: 1_000_000, syncAfterMs: 1_000_000 })
  const length = () => peer.state.timers!.deadlineMs - peer.state.timers!.enteredMs
  const lengths = [length()]
  for (let slot = 1; slot <= 3; slot++) {
    peer.certificates(certificate('SKIP', slot))
    lengths.push(length())
  }
  t.strictSame(lengths, [1_600, 1_900, 2_350, 3_025], 'the parent, genesis, is final: the round counts')
  const slot = slotLedBy(config, leader => leader !== 0, 4)
  for (let skipped = 4; skipped < slot; skipped++) peer.certificates(certificate('SKIP', skipped))
  const before = length()
  const made = {
    id: 'ab'.repeat(32),
    slot,
    height: 1,
    parentSlot: 0,
    parentId: config.genesisId,
    empty: false,
    boundary: false
  }
  peer.valid(made)
  peer.certificates(certificate('NOTAR', made))
  t.ok(length() + 1_000 > before, 'a NOTAR certificate does not reset the growth')
  t.equal(peer.state.timers!.roundIncluded, false, 'but the next slot waits for no round yet')
  peer.nowMs += 70
  peer.certificates(certificate('FINAL', made))
  t.equal(peer.state.timers!.deadlineMs, peer.nowMs + 1_600, 'FINAL resets it and adds the round from now')
})
