/** The rules of the house that no tool at hand knows. Each takes one file and answers what is wrong with it. */
import { codeOnly, importsOf, packageOf } from './source.ts'

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly source: string
}

export type Rule = (file: SourceFile) => string[]

// ------------------------------------------------------------------ arrows

const ADAPTERS = [
  'core',
  'wire',
  'consensus',
  'ledger',
  'tensor',
  'delta',
  'models',
  'data',
  'train',
  'store',
  'net',
  'api'
]

/** What each package may import: the table of docs/ARCHITECTURE.md. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ['core'],
  consensus: ['core', 'wire'],
  ledger: ['core', 'wire', 'delta'],
  tensor: ['core'],
  delta: ['core'],
  models: ['core', 'tensor'],
  data: ['core'],
  train: ['core', 'delta', 'tensor', 'data', 'models'],
  store: ['core', 'wire'],
  net: ['core', 'wire'],
  api: ['core'],
  peer: ADAPTERS,
  dashboard: ['api'],
  cli: [...ADAPTERS, 'peer', 'dashboard']
}

export const packageAt = (path: string): string | null => /^packages\/([^/]+)\//.exec(path)?.[1] ?? null

export const arrows: Rule = ({ path, source }) => {
  const own = packageAt(path)
  if (own === null) return []
  return importsOf(source).flatMap(({ from }) => {
    const target = /^@gradmesh\/([^/]+)/.exec(from)?.[1]
    if (target !== undefined)
      return target === own || ARROWS[own]?.includes(target) ? [] : [`${own} may not import ${target}`]
    const leaves =
      from.startsWith('.') &&
      from.split('/').filter(part => part === '..').length >= path.split('/').length - 2
    return leaves ? [`${from} leaves the package: import it by its name`] : []
  })
}

// ------------------------------------------------------------------ doors

/** Outside things, and the one place that meets each. */
const DOORS: readonly (readonly [thing: RegExp, door: RegExp])[] = [
  [/^(@libp2p\/|libp2p$|@chainsafe\/libp2p|@multiformats\/)/, /^packages\/net\/src\//],
  [/^(level|classic-level|abstract-level)$/, /^packages\/store\/src\//],
  [/^webgpu$/, /^packages\/tensor\/src\/device\.ts$/],
  [/^(fastify|@fastify\/|prom-client$)/, /^packages\/peer\/src\/http\//]
]

export const doors: Rule = ({ path, source }) =>
  isSource(path)
    ? importsOf(source).flatMap(({ from }) => {
        const door = DOORS.find(([thing]) => thing.test(packageOf(from) ?? ''))?.[1]
        return door === undefined || door.test(path) ? [] : [`${from} is met by ${door.source} alone`]
      })
    : []

const isSource = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path)

// ------------------------------------------------------------------ environment

export const environment: Rule = ({ path, source }) => {
  if (!isSource(path) || packageAt(path) === 'cli') return []
  const code = codeOnly(source)
  const reads =
    /\bprocess\s*\??\.\s*env\b/.test(code) || /\benv\b[^}=]*\}\s*=\s*(?:globalThis\.)?process\b/.test(code)
  const quoted = /\bprocess\[['"]env['"]\]/.test(source)
  return reads || quoted ? ['process.env is read by cli alone'] : []
}

// ------------------------------------------------------------------ purity

const PURE = ['wire', 'consensus', 'ledger', 'delta']
/** Exact integers held in doubles, far below 2^53. */
export const EXACT_DOUBLES = 'packages/delta/src/exact.ts'

const FLOATS: readonly (readonly [RegExp, string])[] = [
  [/\bFloat(?:16|32|64)Array\b/, 'a float array'],
  [/\b[gs]etFloat(?:16|32|64)\b/, 'a float in a view'],
  [/(?<![\w.])\d[\d_]*\.\d/, 'a literal that is no integer'],
  [/(?<![\w.])\d[\d_]*e-\d/i, 'a literal that is no integer'],
  [/(?<![\w)\]])\.\d/, 'a literal that is no integer'],
  [/\bMath\.(?!(?:abs|ceil|clz32|floor|imul|max|min|sign|trunc)\b)\w+/, 'a float function'],
  [/\bparseFloat\b|\bNumber\.EPSILON\b|\.toFixed\(|\.toPrecision\(/, 'a float']
]

const WORLD: readonly (readonly [RegExp, string])[] = [
  [/\bMath\.random\b|\bgetRandomValues\b|\brandomBytes\b|\brandomUUID\b/, 'randomness'],
  [/\bDate\b|\bperformance\b|\bhrtime\b|\bsystemClock\b/, 'a clock'],
  [/\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, 'a timer'],
  [/\bawait\b|\basync\b|\bPromise\b/, 'something asynchronous'],
  [/\bconsole\b/, 'the outside']
]

/** Node's native signature check is a fast path of the portable one. */
const PURE_BUILTINS: Readonly<Record<string, readonly string[]>> = { wire: ['node:crypto'] }

export const purity: Rule = ({ path, source }) => {
  const own = packageAt(path)
  if (own === null || !PURE.includes(own) || !isSource(path)) return []
  const code = codeOnly(source)
  const banned = path === EXACT_DOUBLES ? WORLD : [...FLOATS, ...WORLD]
  return [
    ...banned.flatMap(([pattern, what]) => {
      const found = pattern.exec(code)
      return found === null ? [] : [`${what} in a pure package: ${found[0].trim()}`]
    }),
    ...importsOf(source)
      .filter(
        ({ from, isType }) => from.startsWith('node:') && !isType && !PURE_BUILTINS[own]?.includes(from)
      )
      .map(({ from }) => `${from} in a pure package`)
  ]
}

// ------------------------------------------------------------------ time

/** Where the daemon meets real time: HTTP, the threads, and the measure of the event loop itself. */
const TIME_DOORS =
  /^packages\/peer\/src\/(?:http\/|training\/computing\.ts$|[a-z]+\/[a-z-]+-worker\.ts$|telling\/loop-delay\.ts$)/

const REAL_TIME =
  /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b|\bperformance\b|\bhrtime\b|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bAbortSignal\.timeout\b|\bNodeJS\.Time(?:out|r)\b/

/** What a peer does next follows from its injected clock alone, or no simulation could replay it. */
export const realTime: Rule = ({ path, source }) => {
  if (packageAt(path) !== 'peer' || !isSource(path) || TIME_DOORS.test(path)) return []
  const found = REAL_TIME.exec(codeOnly(source))
  return found === null ? [] : [`${found[0]} outside the doors to real time: use the injected clock`]
}

// ------------------------------------------------------------------ tests and names

export const focus: Rule = ({ path, source }) => {
  const found = /\.(?:only|skip|todo)\s*\(|\.test\([^)]{0,200}?\{[^}]*\b(?:only|skip|todo)\s*:\s*true\b/.exec(
    codeOnly(source)
  )
  const isTest = /(?:^|\/)test\//.test(path)
  return isTest && found !== null
    ? [`a test is switched off or singled out without a reason: ${found[0]}`]
    : []
}

export const kebabCase: Rule = ({ path }) =>
  path
    .split('/')
    .slice(path.startsWith('packages/') ? 1 : 0)
    .filter(part => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/.test(part))
    .map(part => `${part} is not kebab-case`)

// ------------------------------------------------------------------ packages

export interface PackageFiles {
  readonly name: string
  readonly manifest: {
    readonly dependencies?: Readonly<Record<string, string>>
    readonly devDependencies?: Readonly<Record<string, string>>
    readonly peerDependencies?: Readonly<Record<string, string>>
  }
  readonly paths: readonly string[]
  readonly sources: readonly SourceFile[]
}

/** Suites that ports are tested with name tap for its types alone; whoever runs them has it. */
const SUITE = /\/contract\.ts$/

export const dependencies = ({ name, manifest, sources }: PackageFiles): string[] => {
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
  const used = new Set<string>()
  for (const { path, source } of sources) {
    if (!/^packages\/[^/]+\/src\//.test(path)) continue
    for (const { from, isType } of importsOf(source)) {
      const target = packageOf(from)
      if (target === null || target.startsWith('node:') || target === `@gradmesh/${name}`) continue
      if (isType && SUITE.test(path)) continue
      used.add(target)
    }
  }
  return [
    ...[...used]
      .filter(target => !declared.has(target))
      .map(target => `${target} is imported but not declared`),
    ...[...declared]
      .filter(target => !used.has(target) && !isNamed(target, sources))
      .map(target => `${target} is declared but not imported`)
  ]
}

/** Tests, and the types of scripts in a page, count as use. */
const isNamed = (target: string, sources: readonly SourceFile[]): boolean =>
  sources.some(({ source }) => source.includes(`'${target}'`) || source.includes(`'${target}/`))

export const complete = ({ name, paths }: PackageFiles): string[] => {
  const has = (pattern: RegExp): boolean => paths.some(path => pattern.test(path))
  const at = `packages/${name}`
  return [
    ...(has(new RegExp(`^${at}/README\\.md$`)) ? [] : ['no README.md']),
    ...(has(new RegExp(`^${at}/src/index\\.ts$`)) ? [] : ['no src/index.ts']),
    ...(has(new RegExp(`^${at}/test/.+\\.ts$`)) ? [] : ['no tests'])
  ]
}
