import t from 'tap'
import { type Clock, News, orAfter, systemClock } from '../src/index.ts'

t.test('everybody who waits is told, of what comes after they began to wait', async t => {
  const news = new News()
  const heard: string[] = []
  news.tell()
  const { next } = news
  t.equal(next, news.next, 'the same for all')
  void next.then(() => heard.push('one'))
  void next.then(() => heard.push('two'))
  await Promise.resolve()
  t.strictSame(heard, [], 'what was told before is not news')
  news.tell()
  await next
  t.strictSame(heard, ['one', 'two'])
  t.not(news.next, next)
})

t.test('nothing is missed between taking `next` and waiting for it', async t => {
  const news = new News()
  const { next } = news
  news.tell()
  t.equal(await next, undefined)
})

t.test(
  'a bounded wait ends with the promise, however that ends, or with the time; no timer stays',
  async t => {
    let pending = 0
    const clock: Pick<Clock, 'after'> = {
      after(delayMs, run) {
        pending++
        const timer = systemClock.after(delayMs, () => {
          pending--
          run()
        })
        return {
          cancel() {
            timer.cancel()
            pending--
          }
        }
      }
    }
    await orAfter(clock, Promise.resolve(), 60_000)
    await orAfter(clock, Promise.reject(new Error('no matter')), 60_000)
    t.equal(pending, 0)
    await orAfter(clock, new Promise(() => {}), 1)
    t.equal(pending, 0)
  }
)
