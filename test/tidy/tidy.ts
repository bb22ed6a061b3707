import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import {
  ARROWS,
  arrows,
  complete,
  dependencies,
  doors,
  EXACT_DOUBLES,
  environment,
  focus,
  kebabCase,
  type PackageFiles,
  packageAt,
  purity,
  type Rule,
  realTime,
  type SourceFile
} from './rules.ts'
import { codeOnly, importsOf } from './source.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Everything that is, or is about to be, in the repository. */
const paths = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8'
})
  .split('\n')
  .filter(path => path !== '' && existsSync(join(root, path)))
const sources: readonly SourceFile[] = paths
  .filter(path => /\.(ts|js|mjs)$/.test(path))
  .map(path => ({ path, source: readFileSync(join(root, path), 'utf8') }))

const packages: readonly PackageFiles[] = readdirSync(join(root, 'packages')).map(name => ({
  name,
  manifest: JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')),
  paths: paths.filter(path => packageAt(path) === name),
  sources: sources.filter(({ path }) => packageAt(path) === name)
}))

const isCode = (path: string): boolean => /^(packages|test)\/.*\.(ts|js|mjs)$/.test(path)

const RULES: Readonly<Record<string, Rule>> = {
  arrows,
  doors,
  environment,
  purity,
  realTime,
  focus,
  kebabCase
}

t.test('the repository keeps every rule', async t => {
  t.ok(sources.length > 200, `${sources.length} sources read`)
  for (const [name, rule] of Object.entries(RULES)) {
    for (const file of name === 'kebabCase'
      ? paths.filter(isCode).map(path => ({ path, source: '' }))
      : sources) {
      for (const complaint of rule(file)) t.fail(`${name}: ${file.path}: ${complaint}`)
    }
  }
})

t.test('every package is whole, and declares what it imports', async t => {
  t.strictSame(
    packages.map(({ name }) => name).toSorted(),
    Object.keys(ARROWS).toSorted(),
    'the table names every package'
  )
  for (const each of packages) {
    for (const complaint of [...complete(each), ...dependencies(each)]) t.fail(`${each.name}: ${complaint}`)
  }
})

t.test('the file that may hold integers in doubles exists', async t => {
  t.ok(paths.includes(EXACT_DOUBLES))
})

// ------------------------------------------------------------------ the rules can fail

const complaints = (rule: Rule, path: string, source: string): number => rule({ path, source }).length

t.test('arrows', async t => {
  const at = 'packages/core/src/a.ts'
  t.equal(complaints(arrows, at, "import { x } from '@gradmesh/wire'"), 1)
  t.equal(complaints(arrows, at, "import type { X } from '@gradmesh/wire'"), 1, 'types are arrows too')
  t.equal(complaints(arrows, at, "const x = await import('@gradmesh/wire')"), 1)
  t.equal(complaints(arrows, at, "export { x } from '../../wire/src/x.ts'"), 1)
  t.equal(complaints(arrows, 'packages/core/test/a.ts', "import { x } from '../src/x.ts'"), 0)
  t.equal(complaints(arrows, 'packages/wire/src/a.ts', "import { x } from '@gradmesh/core'"), 0)
  t.equal(complaints(arrows, at, "// import { x } from '@gradmesh/wire'"), 0)
})

t.test('doors', async t => {
  t.equal(complaints(doors, 'packages/peer/src/a.ts', "import { createLibp2p } from 'libp2p'"), 1)
  t.equal(complaints(doors, 'packages/peer/src/a.ts', "import type { PeerId } from '@libp2p/interface'"), 1)
  t.equal(complaints(doors, 'packages/peer/src/a.ts', "import { Level } from 'level'"), 1)
  t.equal(complaints(doors, 'packages/tensor/src/pool.ts', "import { create } from 'webgpu'"), 1)
  t.equal(complaints(doors, 'packages/tensor/src/device.ts', "import { create } from 'webgpu'"), 0)
  t.equal(complaints(doors, 'packages/peer/src/http/a.ts', "import { fastify } from 'fastify'"), 0)
  t.equal(complaints(doors, 'packages/peer/src/a.ts', "import { fastify } from 'fastify'"), 1)
})

t.test('environment', async t => {
  const at = 'packages/net/src/a.ts'
  t.equal(complaints(environment, at, 'const a = process.env.A'), 1)
  t.equal(complaints(environment, at, 'const { env } = process'), 1)
  t.equal(complaints(environment, at, "process['env'].A"), 1)
  t.equal(complaints(environment, at, '// process.env.A'), 0)
  t.equal(complaints(environment, 'packages/cli/src/a.ts', 'const a = process.env.A'), 0)
})

t.test('real time', async t => {
  const at = 'packages/peer/src/a.ts'
  const real = ['setTimeout(run, 5)', 'performance.now()', 'Date.now()', 'let timer: NodeJS.Timeout']
  for (const source of real) t.equal(complaints(realTime, at, source), 1, source)
  for (const door of ['http/server.ts', 'training/compute-worker.ts', 'telling/loop-delay.ts'])
    t.equal(complaints(realTime, `packages/peer/src/${door}`, real[0]!), 0, door)
  t.equal(complaints(realTime, at, 'clock.after(5, run)'), 0)
})

t.test('purity', async t => {
  const at = 'packages/ledger/src/a.ts'
  const impure = [
    'new Float64Array(2)',
    'view.getFloat32(0)',
    'const half = 0.5',
    'const half = .5',
    'const tiny = 1e-3',
    'Math.sqrt(2)',
    'Math.random()',
    'Math.pow(2, 3)',
    'Date.now()',
    'performance.now()',
    'setTimeout(f, 1)',
    'const f = async () => {}',
    "import { readFileSync } from 'node:fs'"
  ]
  for (const source of impure) t.ok(complaints(purity, at, source) > 0, source)
  const pure = [
    'const a = 2 ** 24',
    'Math.floor(a / b)',
    '// 0.5',
    "const text = '0.5 Date'",
    'a.b.c',
    'const big = 1_000_000n',
    'x = list[1].a'
  ]
  for (const source of pure) t.equal(complaints(purity, at, source), 0, source)
  t.equal(complaints(purity, EXACT_DOUBLES, 'new Float64Array(2)'), 0, 'the named file')
  t.equal(complaints(purity, EXACT_DOUBLES, 'Date.now()'), 1, 'clocks not even there')
  t.equal(complaints(purity, 'packages/train/src/a.ts', 'Math.sqrt(0.5)'), 0, 'other packages')
})

t.test('focus', async t => {
  const at = 'packages/core/test/a.ts'
  const only = 'only'
  t.equal(complaints(focus, at, `t.${only}('x', f)`), 1)
  t.equal(complaints(focus, at, `t.test('x', { ${only}: true }, f)`), 1)
  t.equal(complaints(focus, at, "t.test('x', { skip: reason }, f)"), 0, 'a skip with a reason is visible')
})

t.test('kebab-case', async t => {
  t.equal(complaints(kebabCase, 'packages/core/src/camelCase.ts', ''), 1)
  t.equal(complaints(kebabCase, 'packages/core/src/snake_case.ts', ''), 1)
  t.equal(complaints(kebabCase, 'packages/core/src/two-words.test.ts', ''), 0)
})

t.test('packages', async t => {
  const file = {
    path: 'packages/x/src/index.ts',
    source: "import { a } from '@libp2p/crypto/keys'\nimport { b } from 'node:fs'"
  }
  const whole = {
    name: 'x',
    manifest: { dependencies: { '@libp2p/crypto': '1' } },
    paths: [],
    sources: [file]
  }
  t.strictSame(dependencies(whole), [])
  t.equal(dependencies({ ...whole, manifest: {} }).length, 1, 'not declared')
  t.equal(dependencies({ ...whole, sources: [] }).length, 1, 'not imported')
  t.equal(complete(whole).length, 3)
  t.strictSame(
    complete({
      ...whole,
      paths: ['packages/x/README.md', 'packages/x/src/index.ts', 'packages/x/test/a.ts']
    }),
    []
  )
})

t.test('the reader of sources', async t => {
  t.equal(codeOnly("a('x') // y"), 'a(   )     ')
  t.match(codeOnly(['`one ', '$', '{two} three`'].join('')), /^ +\$\{two\} +$/)
  t.match(codeOnly('const r = /"0.5"/\nlet b'), /let b/)
  t.strictSame(
    importsOf(
      "import a, { b } from 'c'\nimport 'd'\nexport * from 'e'\nimport {\n  type f,\n  g\n} from 'h'\ntype I = typeof import('i')"
    ).map(({ from, isType }) => [from, isType]),
    [
      ['c', false],
      ['d', false],
      ['e', false],
      ['h', false],
      ['i', true]
    ]
  )
})
