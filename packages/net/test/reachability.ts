import fc from 'fast-check'
import t from 'tap'
import { isSameReachability, judgeReachability, type Probe, type ReachFacts } from '../src/reachability.ts'

const FACTS: ReachFacts = {
  connected: 2,
  expectsPeers: true,
  probes: [],
  relays: [],
  isAnnounced: false,
  port: '4190'
}
const probe = (reach: Probe['reach'], isReached: boolean): Probe => ({ by: `${reach}`, reach, isReached })
const judge = (facts: Partial<ReachFacts>) => judgeReachability({ ...FACTS, ...facts })

t.test('each state follows from what was observed, with what to do', async t => {
  t.match(judge({}), { state: 'unknown', remedy: null })
  t.match(judge({ connected: 0, expectsPeers: false }), { state: 'unknown', remedy: null })
  t.match(judge({ connected: 0 }), { state: 'cut-off', remedy: /doctor TICKET/ })
  t.match(judge({ probes: [probe('host', true)] }), { state: 'reachable', scope: 'host', remedy: null })
  t.match(judge({ probes: [probe('world', true)] }), { state: 'reachable', scope: 'world', relays: [] })
  t.match(judge({ isAnnounced: true }), { state: 'reachable', scope: 'world', detail: /nobody has tried/ })
  t.match(judge({ probes: [probe('world', false)], relays: ['aa'] }), {
    state: 'relayed',
    scope: null,
    relays: ['aa'],
    detail: /NAT or a firewall.*another peer relays/,
    remedy: /forward TCP port 4190/
  })
  t.match(judge({ probes: [probe('world', false)] }), {
    state: 'cut-off',
    detail: /no peer relays/,
    remedy: /--relay on/
  })
  t.match(judge({ probes: [probe('world', false)], isAnnounced: true }), {
    state: 'cut-off',
    remedy: /--announce/
  })
  t.match(judge({ probes: [probe('world', false)], port: null }), {
    state: 'cut-off',
    detail: /does not listen/
  })
})

t.test('who tried from farthest away decides', async t => {
  const near = [probe('host', true), probe('site', true)]
  t.match(judge({ probes: near }), { state: 'reachable', scope: 'site' })
  t.match(judge({ probes: [...near, probe('world', false)] }), { state: 'cut-off', scope: null })
  t.match(judge({ probes: [...near, probe('world', false)], relays: ['aa', 'bb'] }), {
    state: 'relayed',
    detail: /2 other peers relay/
  })
  t.match(
    judge({ probes: [probe('world', false), probe('world', true)] }),
    { state: 'reachable' },
    'one is enough'
  )
})

t.test('only what an operator must hear of is a change', async t => {
  const relayed = judge({ probes: [probe('world', false)], relays: ['aa'] })
  t.ok(isSameReachability(relayed, { ...relayed, relays: ['aa', 'bb'], detail: 'two' }))
  t.notOk(
    isSameReachability(judge({ connected: 0 }), judge({ probes: [probe('world', false)] })),
    'two ways to be cut off'
  )
  t.notOk(
    isSameReachability(judge({ probes: [probe('site', true)] }), judge({ probes: [probe('world', true)] }))
  )
})

t.test('whatever is observed, the judgement is consistent', async t => {
  const facts = fc.record<ReachFacts>({
    connected: fc.nat(5),
    expectsPeers: fc.boolean(),
    probes: fc.array(
      fc.record({
        by: fc.constant('x'),
        reach: fc.constantFrom('host', 'site', 'world'),
        isReached: fc.boolean()
      }),
      { maxLength: 4 }
    ),
    relays: fc.array(fc.constant('aa'), { maxLength: 2 }),
    isAnnounced: fc.boolean(),
    port: fc.constantFrom('4190', null)
  })
  fc.assert(
    fc.property(facts, given => {
      const { state, scope, relays, remedy } = judgeReachability(given)
      return (
        (state === 'reachable') === (scope !== null) &&
        (state === 'relayed') === relays.length > 0 &&
        (state === 'relayed' || state === 'cut-off') === (remedy !== null)
      )
    })
  )
  t.pass('reachable has a scope, relayed has relays, and what is not well has a remedy')
})
