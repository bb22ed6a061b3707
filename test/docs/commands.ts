/**
 * Every command in README.md and docs/ does what its page says. How blocks declare what they need: blocks.ts.
 *
 *     node test/docs/commands.ts how-to/keys     only scenes with such a page
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { withoutAdapter } from '../e2e/harness.ts'
import { type Block, commandsIn, type Page, readPage, type Step } from './blocks.ts'
import { absentIn } from './names.ts'
import { pagesInOrder } from './pages.ts'
import { machineOf, Scene } from './scene.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
t.setTimeout(880_000)

const paths = await pagesInOrder(root)
const pages = new Map<string, Page>()
for (const path of paths) pages.set(path, readPage(await readFile(join(root, path), 'utf8')))
const scenes = Map.groupBy(
  [...pages].filter(([, { steps }]) => steps.length > 0),
  ([path, { scene }]) => scene ?? path
)
const wanted = process.argv.slice(2)
const isWanted = (members: readonly (readonly [string, Page])[]): boolean =>
  wanted.length === 0 || members.some(([path]) => wanted.some(part => path.includes(part)))

const withoutGpu = await withoutAdapter()
const hasCurl = spawnSync('curl', ['--version']).status === 0

/** The one program that pages use and a bare system lacks. */
const withoutCurl = (step: Step): string | null =>
  !hasCurl && 'script' in step && /\bcurl\b/.test(step.script) ? 'curl is not installed here' : null

const tracked = new Set(execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n'))

const lookAt = (t: Test, { script, elsewhere }: Block): void => {
  if (elsewhere !== 'long') t.ok(tracked.has(elsewhere!), `${elsewhere} is the test that runs it`)
  const commands = commandsIn(script)
  t.ok(commands.length > 0, 'it has commands')
  for (const command of commands) t.strictSame(absentIn(root, command), [], command)
}

for (const [name, members] of scenes) {
  if (!isWanted(members)) continue
  t.test(name, async t => {
    const scene = new Scene(root, await mkdtemp(join(tmpdir(), 'gradmesh-docs-')))
    t.teardown(() => scene.close())
    let broken = false
    for (const [path, { steps }] of members) {
      for (const step of steps) {
        const what = 'script' in step ? commandsIn(step.script)[0] : 'Ctrl-C'
        const title = `${path}:${step.line} ${what}${machineOf('script' in step ? step.machine : step.interrupts)}`
        if ('script' in step && step.elsewhere !== null) {
          await t.test(title, async t => lookAt(t, step))
          continue
        }
        const skip =
          withoutGpu ?? withoutCurl(step) ?? (broken ? 'an earlier command of this scene failed' : null)
        await t.test(title, { skip: skip ?? false }, async t => {
          const wrong = 'script' in step ? await scene.play(step) : await scene.interrupt(step.interrupts)
          if (wrong !== null) broken = true
          t.equal(wrong, null)
        })
      }
    }
  })
}
