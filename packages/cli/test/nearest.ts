import t from 'tap'
import { nearest } from '../src/nearest.ts'

const NAMES = ['up', 'join', 'ticket', 'status', 'stakes', 'verify', 'support-bundle']

t.test('what was meant', async t => {
  for (const [word, meant] of [
    ['uo', 'up'],
    ['pu', 'up'],
    ['jion', 'join'],
    ['tiket', 'ticket'],
    ['statsu', 'status'],
    ['stake', 'stakes'],
    ['verfiy', 'verify'],
    ['supportbundle', 'support-bundle'],
    ['support', 'support-bundle']
  ] as const)
    t.equal(nearest(word, NAMES), meant, word)
})

t.test('another word altogether', async t => {
  for (const word of ['', 'x', 'start', 'run', 'mine', 'quit']) t.equal(nearest(word, NAMES), undefined, word)
})
