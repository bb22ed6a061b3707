/** What the rules read of a source file: its code without comments and texts, and what it imports. */

export interface Import {
  readonly from: string
  /** `import type`, or `export type … from`: gone when the file runs. */
  readonly isType: boolean
}

const IMPORT = /\b(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\s+from\s+)?['"]([^'"]+)['"]/g
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

export const importsOf = (source: string): Import[] => {
  const code = withoutComments(source)
  const typeImports = new Set<number>()
  for (const { index } of code.matchAll(/\btypeof import\(/g)) typeImports.add(index + 'typeof '.length)
  return [
    ...[...code.matchAll(IMPORT)].map(([, type, from = '']) => ({ from, isType: type !== undefined })),
    ...[...code.matchAll(DYNAMIC)].map(({ 1: from = '', index }) => ({
      from,
      isType: typeImports.has(index)
    }))
  ]
}

/** `@libp2p/crypto/keys` is of the package `@libp2p/crypto`; null for relative paths. */
export const packageOf = (from: string): string | null => {
  if (from.startsWith('.')) return null
  if (from.startsWith('node:')) return from
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Comments are spaces; everything else stays in its place. */
const withoutComments = (source: string): string =>
  blanked(source, part => part.startsWith('/*') || part.startsWith('//'))

/** Comments, texts and regular expressions are spaces; expressions inside templates stay. */
export const codeOnly = (source: string): string => blanked(source, () => true)

const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g

const blanked = (source: string, hides: (token: string) => boolean): string =>
  source.replace(TOKENS, token => {
    if (!hides(token)) return token
    if (!token.startsWith('`')) return spaces(token)
    return token
      .split(/(\$\{[^}]*\})/)
      .map(part => (part.startsWith('${') ? part : spaces(part)))
      .join('')
  })

const spaces = (text: string): string => text.replace(/[^\n]/g, ' ')
