import t from 'tap'
import { throttled } from '../src/throttle.ts'

t.test('setImmediate is replaced only while somebody waits', async t => {
  const plain = globalThis.setImmediate
  let finish: () => void = () => t.fail('set below')
  const work = new Promise<void>(resolve => {
    finish = resolve
  })
  const waits = [throttled(work), throttled(work)]
  t.not(globalThis.setImmediate, plain)
  const order: string[] = []
  await new Promise<void>(resolve => {
    setImmediate((text: string) => order.push(text), 'with arguments')
    setImmediate(resolve)
  })
  t.strictSame(order, ['with arguments'])
  clearImmediate(setImmediate(() => t.fail('was cleared')))
  finish()
  await Promise.all(waits)
  t.equal(globalThis.setImmediate, plain)
})

t.test('a wait that fails leaves nothing behind', async t => {
  const plain = globalThis.setImmediate
  await t.rejects(throttled(Promise.reject(new TypeError('no'))), TypeError)
  t.equal(globalThis.setImmediate, plain)
})
