/** What messages advise to run can be run: the command and its options are there. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commands } from '@gradmesh/cli'
import t from 'tap'

const root = fileURLToPath(new URL('../..', import.meta.url))
const OF_EVERY_COMMAND = ['json', 'help']

const sources = execFileSync(
  'git',
  ['ls-files', 'packages/*/src/*.ts', 'packages/*/README.md', 'docs/*.md'],
  {
    cwd: root,
    encoding: 'utf8'
  }
)
  .trim()
  .split('\n')

/** The words behind `gradmesh`, if the first is a command and no placeholder. */
const adviceIn = (text: string): string[][] =>
  [...text.matchAll(/`(?:npx )?gradmesh ([a-z][^`$\\]*)`/g)].map(([, words]) => words!.split(' '))

const wrongWith = async ([name = '', ...words]: string[]): Promise<string | null> => {
  const entry = commands.find(command => command.name === name)
  if (entry === undefined) return `there is no ${name}`
  const { options } = await entry.load()
  const flags = words.flatMap(word => /^--([a-z0-9-]+)/.exec(word)?.[1] ?? [])
  const unknown = flags.find(flag => !(flag in options) && !OF_EVERY_COMMAND.includes(flag))
  return unknown === undefined ? null : `${name} has no --${unknown}`
}

t.test('commands that are advised', async t => {
  const wrong: string[] = []
  let count = 0
  for (const path of sources) {
    for (const words of adviceIn(readFileSync(join(root, path), 'utf8'))) {
      count++
      const what = await wrongWith(words)
      if (what !== null) wrong.push(`${path}: gradmesh ${words.join(' ')}: ${what}`)
    }
  }
  t.strictSame(wrong, [])
  t.ok(count > 150, `${count} read`)
})

t.test('what is wrong is found', async t => {
  t.strictSame(adviceIn('first `gradmesh doctor --ticket T`, `npx gradmesh up`'), [
    ['doctor', '--ticket', 'T'],
    ['up']
  ])
  t.equal(await wrongWith(['doctor', '--ticket', 'T']), 'doctor has no --ticket')
  t.equal(await wrongWith(['dcotor']), 'there is no dcotor')
  t.equal(await wrongWith(['up', '--data', 'DIR', '--json']), null)
})
