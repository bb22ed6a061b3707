/** The kernel that the README shows is a kernel: taken from the page, it runs like any other. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Kernel } from '../src/index.ts'
import { onEachAdapter } from './support/devices.ts'
import { runCases } from './support/kernel-suite.ts'

const page = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const [, source] = /## A kernel of your own.*?```ts\n(.*?)```/s.exec(page)!
const folder = t.testdir({ 'clamp-to.ts': source! })
const { clampTo } = await import(pathToFileURL(join(folder, 'clamp-to.ts')).href)
const kernel: Kernel = clampTo

onEachAdapter(t, async (t, device) => {
  let cases = 0
  for await (const { name, wrong } of runCases(device, kernel)) {
    t.strictSame(wrong, [], name)
    cases++
  }
  t.equal(cases, 4)
})
