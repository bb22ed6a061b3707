import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { codeCacheFolder } from '../src/code-cache.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** The help of a command loads that command's code. */
const help = (caches: string) => {
  const { NODE_COMPILE_CACHE: _, NODE_OPTIONS: __, ...env } = process.env
  return promisify(execFile)(process.execPath, [main, 'status', '--help'], {
    env: { ...env, XDG_CACHE_HOME: caches }
  })
}

t.test('where it lies', async t => {
  t.equal(codeCacheFolder({}, '/home/a'), '/home/a/.cache/gradmesh/code')
  t.equal(codeCacheFolder({ XDG_CACHE_HOME: '/caches' }, '/home/a'), '/caches/gradmesh/code')
  t.equal(codeCacheFolder({ XDG_CACHE_HOME: 'caches' }, '/home/a'), '/home/a/.cache/gradmesh/code')
})

t.test('kept by a command', async t => {
  const caches = t.testdir()
  await help(caches)
  const [version = ''] = await readdir(codeCacheFolder({ XDG_CACHE_HOME: caches }, ''))
  const kept = await readdir(join(codeCacheFolder({ XDG_CACHE_HOME: caches }, ''), version))
  t.ok(kept.length > 10, `${kept.length} modules`)
})

t.test('a folder that cannot be made is no reason to fail', async t => {
  const file = join(t.testdir(), 'file')
  await writeFile(file, '')
  const { stdout, stderr } = await help(file)
  t.match(stdout, 'Usage: gradmesh status')
  t.equal(stderr, '')
})
