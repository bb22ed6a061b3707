import type { Stakes } from '@gradmesh/api'
import fc from 'fast-check'
import t from 'tap'
import { statusText } from '../../src/commands/status.ts'
import type { Facts } from '../../src/watch/facts.ts'
import { frameOf, screen, sparkline } from '../../src/watch/screen.ts'
import { KEY, someStatus } from '../fixtures/status.ts'

const OTHER = 'b2'.repeat(32)
const AWAY = 'c3'.repeat(32)

const validator = (key: string, label: string | null): Stakes['validators'][0] => ({
  key,
  label,
  stake: '1000000',
  nextStake: '1000000',
  slashed: '0'
})

const trainer = (key: string, lastRound: number | null): Stakes['trainers'][0] => ({
  key,
  label: '',
  since: 0,
  accepted: 25,
  lastRound,
  nonce: 0,
  balance: '6250000',
  bond: '0',
  leaving: '0',
  vesting: [],
  unbonding: []
})

const facts = (changes: Partial<Facts> = {}): Facts => ({
  status: someStatus(),
  peers: [
    {
      key: OTHER,
      label: 'cel\u202elar\u001b[2J',
      address: '/ip4/192.0.2.8/tcp/4190',
      direction: 'outbound',
      rttMs: 12,
      score: 1,
      graylisted: false,
      relay: null,
      bytesSent: 1,
      bytesReceived: 2
    }
  ],
  stakes: {
    height: 40,
    epoch: 0,
    validators: [validator(KEY, 'attic'), validator(OTHER, 'cellar'), validator(AWAY, null)],
    trainers: [trainer(KEY, 33), trainer(OTHER, 33), trainer(AWAY, 12)],
    minted: '0',
    burnt: '0'
  },
  blocks: [
    {
      height: 40,
      slot: 44,
      epoch: 0,
      id: 'd4'.repeat(32),
      parentId: 'd3'.repeat(32),
      round: 33,
      empty: false,
      leader: OTHER,
      deltas: 3,
      attests: 3,
      evidence: 0,
      bytes: 900,
      finalityMs: 69,
      signers: [KEY, OTHER]
    }
  ],
  receipts: [
    {
      digest: 'e5'.repeat(32),
      outcome: 'accepted',
      trainer: KEY,
      round: 33,
      height: 40,
      steps: 12,
      payloadBytes: 4000,
      weightQ16: 16_384,
      reward: '250000',
      code: null,
      why: "Block 40 names it: 12 steps gave it 25.0 % of the round's weight and of its reward."
    }
  ],
  losses: [2, 1.5, 1, 0.7, 0.5, 0.3, 0.25, 0.2193],
  scores: [0.1, 0.5, 0.8, 0.9605],
  deltas: new Map([[OTHER, 'round 34 waits']]),
  ...changes
})

const URL = 'http://127.0.0.1:4180'

t.test('sixty columns hold what the page shows', async t => {
  t.equal(
    screen(facts(), URL, { columns: 60, rows: 40, colour: false }).join('\n'),
    `attics  training  http://127.0.0.1:4180
round     34 of 80 [████░░░░░░], height 40, slot 44
loss      0.2193    █▆▄▃▂▁▁▁
accuracy  96.05 %   ▁▄▇█
finality  half within 52 ms, 99 % within 291 ms
adapter   busy 42 %, 8,405 samples/s, llvmpipe
caps      GPU 50 %, upload 1.0 MiB/s
reach     -
traffic   sent 3.9 MiB, received 4.0 MiB; a delta 4.0 KiB
runs for  12 min 35 s, 429.2 MiB

PEERS  2 of 3 validators  (* me, + connected, - away)
   name           stake  last delta           rtt
*  attic         33.3 %  round 33 accepted      -
+  cellar[2J     33.3 %  round 34 waits     12 ms
-  c3c3c3c3c3c3  33.3 %  round 12 accepted      -

FINAL BLOCKS
height  round  deltas  votes    final after
    40     33       3  ●●○ 2/3        69 ms

MY DELTAS  25 accepted, earned 6,250,000, 12 of 20 steps
round  delta     weight   reward
   33  accepted  25.0 %  250,000
Block 40 names it: 12 steps gave it 25.0 % of the round's
weight and of its reward.`
  )
})

t.test('a sync has a bar, a pause has its reason, a failure its remedy', async t => {
  const pause = 'outside the hours 22:00-07:00, until 22:00'
  const status = someStatus({
    phase: 'syncing',
    phaseReason: pause,
    progress: { done: 3, total: 12, unit: 'pieces' },
    lastError: { code: 'LEDGER_DIVERGED', message: 'another state', remedy: 'join again', at: 0 }
  })
  const text = screen(facts({ status }), URL, { columns: 100, rows: 40, colour: false }).join('\n')
  t.match(text, `syncing: ${pause}`)
  t.match(text, /syncing +\[█{5}░{15}\] 3 of 12 pieces/)
  t.match(text, 'LEDGER_DIVERGED: another state\nwhat to do: join again')
})

t.test('a mesh without a quorum says who is silent and what to do', async t => {
  const detail = 'No block has become final for 40 s: validators with 50 % of the stake are silent.'
  const quorum = { stuckSeconds: 40, share: 0.5, missing: [], detail, remedy: 'Wait.' }
  const status = someStatus({ phase: 'stalled', phaseReason: detail, quorum })
  const text = screen(facts({ status }), URL, { columns: 160, rows: 40, colour: false }).join('\n')
  t.match(text, `stalled: ${detail}`)
  t.match(text, 'what to do: Wait.')
  t.match(statusText(status), `what happened  ${detail}`)
})

t.test('whatever the size, it fits; without colour there is no code in it', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 80 }),
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.boolean(),
      (columns, rows, label, colour) => {
        const hostile = facts({ peers: facts().peers.map(peer => ({ ...peer, label })) })
        const lines = screen(hostile, URL, { columns, rows, colour })
        // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes are control characters
        const bare = lines.map(line => line.replaceAll(/\u001b\[\d+m/g, ''))
        return (
          lines.length <= rows &&
          bare.every(line => [...line].length <= columns && !/\p{Cc}/u.test(line)) &&
          (colour || bare.join() === lines.join())
        )
      }
    ),
    { numRuns: 300 }
  )
})

t.test('nothing is known yet, or nobody else is there', async t => {
  const none: Facts = facts({
    status: someStatus({ adapter: null, steps: null, loss: null, score: null, roundsTotal: null }),
    peers: [],
    stakes: { height: 0, epoch: 0, validators: [], trainers: [], minted: '0', burnt: '0' },
    blocks: [],
    receipts: [],
    losses: [],
    scores: [],
    deltas: new Map()
  })
  const text = screen(none, URL, { columns: 80, rows: 40, colour: false }).join('\n')
  t.match(text, /^loss +-$/m)
  t.match(text, /^adapter +none$/m)
  t.notMatch(text, /NaN|Infinity|undefined|null/)
})

t.test('a curve is scaled to itself, a frame is drawn over the last', async t => {
  t.equal(sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8), '▁▂▃▄▅▆▇█')
  t.equal(sparkline([5, 5, 5], 8), '▁▁▁')
  t.equal(sparkline([1, 9, 1], 2), '█▁', 'the newest')
  t.equal(sparkline([], 8), '')
  t.equal(frameOf(['a', 'b']), '\u001b[Ha\u001b[K\nb\u001b[K\u001b[J')
})
