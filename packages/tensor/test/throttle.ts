import t from 'tap'
import { sleepMs, throttled } from '../src/throttle.ts'

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

t.test(
  'looks are rare until a wait is nearly as long as those before it, then frequent, then rarer again',
  async t => {
    const looks = (
      expectedMs: number,
      endMs: number
    ): { readonly count: number; readonly lateMs: number } => {
      let [at, count] = [0, 0]
      for (; at < endMs; count++) at += sleepMs(at, expectedMs)
      return { count, lateMs: at - endMs }
    }
    t.equal(sleepMs(0, 0), 0.05, 'nothing known: soon')
    t.equal(sleepMs(0, 500), 1, 'never longer than a millisecond')
    const known = looks(3, 3.02)
    t.ok(known.count < 12 && known.lateMs < 0.06, `${known.count} looks, ${known.lateMs} ms late`)
    const longer = looks(3, 100)
    t.ok(longer.count < 220 && longer.lateMs <= 1, `${longer.count} looks, ${longer.lateMs} ms late`)
  }
)
