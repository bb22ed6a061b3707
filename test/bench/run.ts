/**
 * `npm run bench` lists the benches of all packages; `npm run bench NAME [ARGUMENTS]` runs one, and
 * `--in FOLDER` runs all that lie there, one after another (what a package's own `bench` script does).
 */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Bench {
  readonly name: string
  readonly file: string
  /** The first sentence of its head comment. */
  readonly about: string
}

/** A bench begins with a comment that says what it measures; helpers beside it are imported by one. */
const benches = (): Bench[] => {
  const files = globSync(['packages/*/bench/*.ts', 'test/bench/*.ts'], { cwd: root }).filter(
    file => file !== 'test/bench/run.ts'
  )
  const sources = new Map(files.map(file => [file, readFileSync(join(root, file), 'utf8')]))
  const isImported = (file: string): boolean =>
    [...sources].some(([other, source]) => other !== file && source.includes(`from './${basename(file)}'`))
  return files
    .filter(file => !isImported(file))
    .sort()
    .map(file => ({ name: basename(file, '.ts'), file, about: headOf(sources.get(file) ?? '') }))
}

const headOf = (source: string): string => {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? ''
  const text = comment
    .replace(/^\s*\*\s?/gm, '')
    .trim()
    .replace(/\s+/g, ' ')
  return text.split(/(?<=[.:]) /)[0] ?? ''
}

const runBench = (file: string, words: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, file), ...words], { cwd: root, stdio: 'inherit' })
    child.once('error', reject)
    child.once('close', code => resolve(code ?? 1))
  })

const list = (all: readonly Bench[]): void => {
  const width = Math.max(...all.map(({ name }) => name.length))
  for (const { name, about } of all) console.log(`npm run bench ${name.padEnd(width)}  ${about}`)
}

const [wanted, ...rest] = process.argv.slice(2)
const all = benches()
const chosen =
  wanted === '--in'
    ? all.filter(({ file }) => file.startsWith(`${rest[0]}/`))
    : all.filter(({ name }) => name === wanted)

if (wanted === undefined) list(all)
else if (chosen.length === 0) {
  console.error(`there is no bench "${wanted}"\n`)
  list(all)
  process.exitCode = 2
}
for (const { file } of chosen) {
  const code = await runBench(file, wanted === '--in' ? rest.slice(1) : rest)
  if (code !== 0) process.exitCode = code
}
