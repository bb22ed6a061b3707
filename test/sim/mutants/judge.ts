/**
 * Judges mutants on a copy of the sources in a folder of its own, so that nothing in the working tree is ever
 * wrong, not for a moment. The copy is made once; a mutant's edits are written into it and taken back.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '@gradmesh/core'
import type { Mutant } from './types.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PACKAGES = [
  'core',
  'wire',
  'delta',
  'consensus',
  'ledger',
  'tensor',
  'models',
  'data',
  'train',
  'store',
  'net',
  'api',
  'peer'
]
const KILL_AFTER_MS = 1_800_000

export interface Verdict {
  readonly name: string
  readonly judge: string
  readonly killed: boolean
  /** The seed that killed it; null for one that a test killed. */
  readonly seed: number | null
  readonly by: string
  readonly seconds: number
}

export interface Bench {
  /** `known`: the seed that killed it before, tried first. */
  judge(mutant: Mutant, known: number | undefined, schedules: number): Verdict
  close(): void
}

export const openBench = (): Bench => {
  const copy = mkdtempSync(join(tmpdir(), 'gradmesh-mutants-'))
  const take = (path: string) =>
    cpSync(join(ROOT, path), join(copy, path), {
      recursive: true,
      filter: source => !source.includes('node_modules')
    })
  for (const name of PACKAGES) take(join('packages', name))
  for (const path of ['package.json', 'test/sim', 'test/adversaries']) take(path)
  linkModules(copy)
  return {
    judge: (mutant, known, schedules) => judge(copy, mutant, known, schedules),
    close: () => rmSync(copy, { recursive: true, force: true })
  }
}

/** Modules from the working tree, except that the copied packages stand for themselves. */
const linkModules = (copy: string): void => {
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, '@gradmesh'), { recursive: true })
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '@gradmesh') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  for (const name of PACKAGES) symlinkSync(join(copy, 'packages', name), join(modules, '@gradmesh', name))
}

const judge = (copy: string, mutant: Mutant, known: number | undefined, schedules: number): Verdict => {
  const { name, judge: judgeName, edits } = mutant
  const originals = new Map<string, string>()
  const startMs = performance.now()
  try {
    for (const { file, find, put } of edits) {
      const path = join(copy, file)
      const text = readFileSync(path, 'utf8')
      if (!originals.has(path)) originals.set(path, text)
      assert(text.split(find).length === 2, `mutant ${name} edits one place of ${file}`)
      writeFileSync(
        path,
        text.replace(find, () => put)
      )
    }
    const isWorld = judgeName === 'consensus' || judgeName === 'mesh'
    const found = isWorld ? simulated(copy, judgeName, known, schedules) : tested(copy, join(copy, judgeName))
    const seconds = Number(((performance.now() - startMs) / 1_000).toFixed(1))
    return { name, judge: judgeName, ...found, seconds }
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text)
  }
}

const run = (copy: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: KILL_AFTER_MS })

const simulated = (copy: string, world: string, known: number | undefined, schedules: number) => {
  const { stdout, stderr } = run(copy, 'test/sim/hunt.ts', world, `${known ?? 0}`, '1', `${schedules}`)
  const line = stdout.trim().split('\n').at(-1) ?? ''
  assert(line.startsWith('{'), `the mutant runs at all: ${stderr.slice(-600)}`)
  const { seed, violation } = JSON.parse(line) as { seed: number | null; violation: string | null }
  return { killed: seed !== null, seed, by: violation?.split('\n')[0] ?? 'nobody' }
}

const tested = (copy: string, file: string) => {
  const { status, stdout } = run(dirname(copy), file)
  const failed = stdout.split('\n').find(line => line.trimStart().startsWith('not ok'))
  return { killed: status !== 0 && failed !== undefined, seed: null, by: failed?.trim() ?? 'nobody' }
}
