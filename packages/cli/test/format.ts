import t from 'tap'
import { bytes, count, milliseconds, pairs, percent, seconds, table } from '../src/format.ts'

t.test('figures, and a dash for what is not known', async t => {
  t.equal(count(1234567), '1,234,567')
  t.equal(count('18446744073709551615'), '18,446,744,073,709,551,615')
  t.equal(bytes(1023), '1023 B')
  t.equal(bytes(1024), '1.0 KiB')
  t.equal(bytes(5 * 2 ** 30), '5.0 GiB')
  t.equal(milliseconds(12.4), '12 ms')
  t.equal(milliseconds(1500), '1.50 s')
  t.equal(percent(0.96123), '96.12 %')
  t.equal(seconds(61.25), '61.3 s')
  t.equal(seconds(150), '2 min 30 s')
  for (const show of [count, bytes, milliseconds, percent]) t.equal(show(null), '-')
})

t.test('tables put numbers to the right', async t => {
  t.equal(
    table(
      ['name', 'n'],
      [
        ['a', '1'],
        ['long', '1,000']
      ]
    ),
    'name      n\na         1\nlong  1,000'
  )
  t.equal(
    pairs([
      ['a', '1'],
      ['long', '2']
    ]),
    'a     1\nlong  2'
  )
})
