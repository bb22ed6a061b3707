import t from 'tap'
import { LeafRooms } from '../../src/sync/leaf-rooms.ts'

t.test('what a run has left takes the next, a few are kept, and none once nobody asks', t => {
  const rooms = new LeafRooms(8)
  const first = rooms.lend()
  t.equal(first.length, 8)
  const second = rooms.lend()
  t.not(second, first, 'one run, one room')
  rooms.takeBack(first, true)
  t.equal(rooms.lend(), first)
  rooms.takeBack(first, false)
  t.not(rooms.lend(), first, 'who may still read it keeps it')
  const many = Array.from({ length: 10 }, () => rooms.lend())
  for (const room of many) rooms.takeBack(room, true)
  t.equal(rooms.kept, 4)
  rooms.takeBack(second, true)
  rooms.takeBack(rooms.lend(), true)
  t.ok(rooms.kept > 0, 'one is still lent')
  rooms.takeBack(first, true)
  t.equal(rooms.kept, 0)
  t.end()
})
