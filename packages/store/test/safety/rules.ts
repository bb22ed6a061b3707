import { VoteKind } from '@gradmesh/wire'
import t from 'tap'
import type { SlotFacts } from '../../src/safety/entry.ts'
import { contradiction, isSame, mayFill } from '../../src/safety/rules.ts'

const IDS = [null, 'aa'.repeat(32), 'bb'.repeat(32)]

function* everyFacts(): Iterable<SlotFacts> {
  for (const notar of IDS)
    for (const final of IDS) for (const skip of [false, true]) yield { slot: 7, notar, skip, final }
}

t.test('by one vote a slot gains the one fact that the vote says, and loses none', async t => {
  const allowed: string[] = []
  const onRecord = [...everyFacts()].filter(
    ({ notar, final, skip }) => final === null || (final === notar && !skip)
  )
  for (const before of onRecord)
    for (const after of everyFacts())
      for (const kind of [VoteKind.NOTAR, VoteKind.SKIP, VoteKind.FINAL]) {
        if (contradiction(before, after, kind) !== null) continue
        const same = { notar: before.notar, skip: before.skip, final: before.final }
        const gained = {
          [VoteKind.NOTAR]: before.notar === null ? { ...same, notar: after.notar } : same,
          [VoteKind.SKIP]: { ...same, skip: after.skip },
          [VoteKind.FINAL]: before.final === null ? { ...same, final: after.final } : same
        }[kind]
        t.match(after, gained)
        t.notOk(after.skip && after.final !== null, 'never both: what is skipped and what is final')
        t.ok(after.final === null || after.final === after.notar, 'final is what was notarised')
        if (JSON.stringify(before) !== JSON.stringify(after)) allowed.push(kind.toString())
      }
  // NOTAR of either id, skipped before or not; SKIP with no NOTAR or either; FINAL of either id.
  const counts = [VoteKind.NOTAR, VoteKind.SKIP, VoteKind.FINAL].map(
    kind => allowed.filter(each => each === kind.toString()).length
  )
  t.strictSame(counts, [4, 3, 2])
})

t.test('a slot or round has one id for ever, and only a crash leaves its bytes to be filled in', async t => {
  const [id, other, bytes, none] = [[1], [2], [3], []].map(part => Uint8Array.from(part)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array
  ]
  t.ok(mayFill(undefined, id))
  t.ok(mayFill({ id, bytes: none }, id))
  t.notOk(mayFill({ id, bytes: none }, other))
  t.notOk(mayFill({ id, bytes }, id))
  t.ok(isSame({ id, bytes }, id, bytes))
  t.notOk(isSame({ id, bytes }, id, other))
  t.notOk(isSame({ id, bytes: none }, id, bytes))
  t.notOk(isSame(undefined, id, bytes))
})
