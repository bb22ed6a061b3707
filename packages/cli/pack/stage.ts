/**
 * Makes of a workspace package what is published: JavaScript and declarations in `dist/`, and a manifest
 * that points to them. In the repository sources run as they are, so nothing here is needed before a test.
 *
 *     node packages/cli/pack/stage.ts packages/core      compiles into packages/core/dist
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MeshError } from '@gradmesh/core'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CACHE = join(ROOT, 'node_modules', '.cache', 'gradmesh-pack')

const run = promisify(execFile)

/** Compiles `src/` of a package into its `dist/`. @throws MeshError `PACK_COMPILE` */
export const compile = async (folder: string): Promise<void> => {
  await mkdir(CACHE, { recursive: true })
  await rm(join(folder, 'dist'), { recursive: true, force: true })
  const config = join(CACHE, `${basename(folder)}.json`)
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    rootDir: join(folder, 'src'),
    outDir: join(folder, 'dist'),
    // Other packages stay outside: they are linked into node_modules, and nothing there is compiled.
    preserveSymlinks: true
  }
  await writeFile(
    config,
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions,
      include: [join(folder, 'src/**/*.ts')]
    })
  )
  await run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config], {
    cwd: folder
  }).catch((error: { stdout?: string; message: string }) => {
    throw new MeshError(
      'PACK_COMPILE',
      `${basename(folder)} does not compile:\n${error.stdout || error.message}`,
      {
        remedy: 'npm run typecheck'
      }
    )
  })
}

interface Manifest {
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly scripts?: unknown
}

/** The package as it is published, in a folder of its own. */
export const stage = async (folder: string, to: string): Promise<void> => {
  await compile(folder)
  await mkdir(to, { recursive: true })
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  for (const file of manifest.files) await cp(join(folder, file), join(to, file), { recursive: true })
  await cp(join(ROOT, 'LICENSE'), join(to, 'LICENSE'))
  await writeFile(join(to, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`)
}

/** Entry points in `dist/`, with their types; scripts are for the repository alone. */
export const published = ({ scripts: _, ...manifest }: Manifest): object => ({
  ...manifest,
  exports: {
    ...Object.fromEntries(
      Object.entries(manifest.exports).map(([name, file]) => [
        name,
        file.endsWith('.ts') ? { types: built(file, '.d.ts'), default: built(file, '.js') } : file
      ])
    ),
    './package.json': './package.json'
  },
  ...(manifest.bin === undefined
    ? {}
    : {
        bin: Object.fromEntries(
          Object.entries(manifest.bin).map(([name, file]) => [name, built(file, '.js')])
        )
      })
})

const built = (file: string, extension: string): string =>
  file.replace('./src/', './dist/').replace(/\.ts$/, extension)

if (import.meta.main) {
  const [folder = '.'] = process.argv.slice(2)
  await compile(resolve(folder))
}
