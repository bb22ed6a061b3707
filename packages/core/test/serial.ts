import t from 'tap'
import { Serial } from '../src/index.ts'

t.test('one after another, in the order of the calls, whatever becomes of those before', async t => {
  const serial = new Serial()
  const order: string[] = []
  const first = Promise.withResolvers<void>()
  void serial.run(async () => {
    await first.promise
    order.push('first')
  })
  const failing = serial.run(async () => {
    order.push('second')
    throw new RangeError('of the second alone')
  })
  const third = serial.run(async () => order.push('third'))
  const idle = serial.idle().then(() => order.push('idle'))
  t.strictSame(order, [])
  first.resolve()
  await t.rejects(failing, RangeError)
  t.equal(await third, 3)
  await idle
  t.strictSame(order, ['first', 'second', 'third', 'idle'])
})
