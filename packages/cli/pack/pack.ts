/**
 * `npm run pack [FOLDER]`: tarballs of all packages, as they would be published, in FOLDER (`dist/`).
 * `npm install FOLDER/*.tgz` in an empty folder gives the command `gradmesh`.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ROOT, stage } from './stage.ts'

const run = promisify(execFile)

/** @returns the tarballs' paths. */
export const packAll = async (to: string): Promise<string[]> => {
  await mkdir(to, { recursive: true })
  const work = await mkdtemp(join(tmpdir(), 'gradmesh-pack-'))
  try {
    const tarballs: string[] = []
    for (const name of await readdir(join(ROOT, 'packages'))) {
      const staged = join(work, name)
      await stage(join(ROOT, 'packages', name), staged)
      const { stdout } = await run(
        'npm',
        ['pack', '--silent', '--ignore-scripts', '--pack-destination', to],
        { cwd: staged }
      )
      tarballs.push(join(to, stdout.trim().split('\n').at(-1) ?? ''))
    }
    return tarballs
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  for (const tarball of await packAll(resolve(process.argv[2] ?? join(ROOT, 'dist')))) console.log(tarball)
}
