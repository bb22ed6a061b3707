import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findKind, findPlugin, openMeshTask } from '../../src/index.ts'
import { pluginDigest } from '../../src/plugins/files.ts'
import { loadPlugin } from '../../src/plugins/plugin.ts'

const EXAMPLE = fileURLToPath(new URL('../../../../docs/examples/rings.ts', import.meta.url))

/** A task's source, which only its authors would call one. */
const source = (id: string): string => `
import { noOptions } from '@gradmesh/train'
export default {
  id: '${id}', about: 'a test', async found(asked) { return asked },
  open(options) {
    noOptions('${id}', options)
    const none = () => { throw new Error('never asked') }
    return {
      id: '${id}', options, recipe: {}, scoreName: 'x', scoreTarget: 0, tensors: none, bases: none, load: none
    }
  }
}
`

t.test('the example: named by a path, opened elsewhere from the genesis', async t => {
  const { kind, plugin } = await findKind(EXAMPLE, '/')
  t.equal(kind.id, 'rings')
  t.equal(plugin!.place, EXAMPLE)
  const task = kind.open(await kind.found({ rings: 4 }, null))
  // Outside the checkout, under another name: the peer's own packages are lent to it.
  const copy = join(t.testdir(), 'renamed.ts')
  await cp(EXAMPLE, copy)
  const named = { id: task.id, options: task.options, digest: plugin!.digest }
  const opened = await openMeshTask(named, copy, '/')
  t.strictSame(opened.options, { rings: 4, hidden: 64 })
  t.strictSame(opened.tensors(), task.tensors())
  await t.rejects(openMeshTask({ ...named, options: { rings: 1 } }, copy, '/'), { code: 'TASK_OPTIONS' })
  await writeFile(copy, '\n', { flag: 'a' })
  await t.rejects(openMeshTask(named, copy, '/'), { code: 'TASK_DIGEST', remedy: /the very files/ })
  await t.rejects(openMeshTask(named, null, t.testdirName), {
    code: 'TASK_ABSENT',
    remedy: /npm install rings/
  })
})

t.test('a package', async t => {
  const home = t.testdir({ below: {} })
  const place = join(home, 'node_modules/@some/task')
  await mkdir(join(place, 'lib'), { recursive: true })
  const manifest = {
    name: '@some/task',
    version: '1.0.0',
    type: 'module',
    exports: { '.': './lib/index.js' }
  }
  await writeFile(join(place, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(place, 'lib/index.js'), "import task from './task.js'\nexport default task\n")
  await writeFile(join(place, 'lib/task.js'), source('@some/task'))
  const below = join(home, 'below')
  t.equal(await findPlugin('@some/task', below), place)
  t.equal(await findPlugin('@some/other', below), null)
  const { kind, plugin } = await findKind('@some/task', below)
  const named = { id: kind.id, options: {}, digest: plugin!.digest }
  t.equal((await openMeshTask(named, null, below)).id, '@some/task')
  await mkdir(join(place, 'node_modules/dependency'), { recursive: true })
  await writeFile(join(place, 'node_modules/dependency/index.js'), '')
  await writeFile(join(place, '.npmrc'), '')
  t.strictSame(await pluginDigest(place), plugin!.digest, 'what npm adds is none of its files')
  await writeFile(join(place, 'lib/more.js'), '')
  t.notSame(await pluginDigest(place), plugin!.digest)
  await t.rejects(loadPlugin(place, plugin!.digest), { code: 'TASK_DIGEST' })
})

t.test('what is no plug-in', async t => {
  const dir = t.testdir({
    'none.ts': 'export default 7\n',
    'broken.ts': 'export default {\n',
    'two.ts': "import './none.ts'\n",
    'ours.ts': source('digits'),
    bare: {},
    named: {
      'package.json': JSON.stringify({ name: 'named', type: 'module', main: 'a.js' }),
      'a.js': source('other')
    }
  })
  for (const [name, message] of [
    ['none.ts', /default export is no task/],
    ['broken.ts', /can't be loaded/],
    ['two.ts', /imports files beside it/],
    ['ours.ts', /"digits" is that of a task of gradmesh/],
    ['bare', /needs a package.json/],
    ['named', /its id is "other", and the package is called named/],
    ['absent.ts', /nothing is there/]
  ] as const)
    await t.rejects(loadPlugin(join(dir, name), null), { code: 'TASK_PLUGIN', message }, name)
  await t.rejects(findKind('./absent.ts', dir), { code: 'TASK_PLUGIN' })
  await t.rejects(findKind('absent', dir), { code: 'TASK_UNKNOWN' })
  t.equal((await findKind('digits', dir)).plugin, null)
})

const kindOf = (found: string, open: string): string =>
  `export default { id: 'wrong', about: 'a test', async found() { ${found} }, open() { ${open} } }\n`

t.test('mistakes of a plug-in are told as its own', async t => {
  const dir = t.testdir({
    'found-throws.ts': kindOf("throw new Error('boom')", ''),
    'found-wrong.ts': kindOf('return { classes: ["a"] }', ''),
    'open-throws.ts': kindOf('return {}', "throw new TypeError('boom')"),
    'open-null.ts': kindOf('return {}', 'return null'),
    'open-part.ts': kindOf('return {}', "return { id: 'wrong', options: {}, recipe: {} }"),
    manifest: { 'package.json': 'null' }
  })
  const asked = async (name: string) => {
    const { kind } = await loadPlugin(join(dir, name), null)
    return kind.open(await kind.found({}, null))
  }
  for (const [name, message] of [
    ['found-throws.ts', /found fails: boom/],
    ['found-wrong.ts', /no options: texts and whole numbers/],
    ['open-throws.ts', /open fails: boom/],
    ['open-null.ts', /no task: it has no id/],
    ['open-part.ts', /no task: it has no scoreName/],
    ['manifest', /package.json is no object/]
  ] as const)
    await t.rejects(asked(name), { code: 'TASK_PLUGIN', message }, name)
})
