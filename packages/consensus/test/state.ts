import t from 'tap'
import { BLOCKS_PER_SLOT, SLOTS_AHEAD, SLOTS_BELOW_FINAL } from '../src/state.ts'
import { block, certificate, configOf, Peer, vote } from './fixtures/mesh.ts'

const config = configOf([1, 1, 1, 1])

t.test('a flood of votes, blocks and slots by one validator takes bounded memory', async t => {
  const peer = new Peer(config)
  for (let i = 0; i < 3_000; i++) {
    const slot = 1 + (i % 500)
    const made = block(slot, null, { height: 1 + i })
    peer.votes(vote(3, 'NOTAR', made), vote(3, 'FINAL', made), vote(3, 'SKIP', slot))
    peer.feed({ type: 'block', block: made })
  }
  const { slots, blocks, answers, fetches } = peer.state
  t.ok(slots.size <= SLOTS_AHEAD + 2, `${slots.size} slots`)
  t.ok(blocks.size <= (SLOTS_AHEAD + 1) * BLOCKS_PER_SLOT, `${blocks.size} blocks`)
  t.ok(answers.size + fetches.size <= 4)
  t.ok(
    [...slots.values()].every(({ ballots }) => ballots.size <= 2),
    'its votes and our own'
  )
  t.ok(peer.effects.filter(({ type }) => type === 'evidence').length <= SLOTS_AHEAD + 1)
  t.ok(peer.effects.filter(({ type }) => type === 'sync').length <= 1, 'nor does it make us ask all the time')
})

t.test('a long run keeps only what is near its final block', async t => {
  const peer = new Peer({ ...config, self: null })
  let parent = block(1, null)
  for (let slot = 1; slot <= 300; slot++) {
    const made = slot === 1 ? parent : block(slot, parent)
    peer.feed({ type: 'block', block: made })
    peer.certificates(certificate('NOTAR', made), certificate('FINAL', made))
    parent = made
  }
  t.equal(peer.state.final.height, 300)
  t.ok(peer.state.slots.size <= SLOTS_BELOW_FINAL + 2, `${peer.state.slots.size} slots`)
  t.equal(peer.state.blocks.size, 0)
})
