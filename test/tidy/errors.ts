/**
 * docs/ERRORS.md is made of the "Codes" sections of the package READMEs, so that a code is described once,
 * beside the package that gives it. `node test/tidy/errors.ts` writes it; the test below it compares.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

const HEAD = `# Errors

Every code that gradmesh can show, by the package that gives it. Hostile input is refused with a fault and
counted in \`gradmesh_faults_total{code}\`; an operating failure ends a command with a message, a reason and a
remedy; over HTTP the code stands in a problem document. Exit codes of the command are in
[the package cli](../packages/cli/README.md).

This file is made from the package READMEs by \`node test/tidy/errors.ts\`.
`

/** The README's section under the heading "Codes", without the heading. */
export const codesSection = (readme: string): string | null => {
  const [, after] = readme.split(/^## Codes\s*$/m)
  return after === undefined ? null : after.split(/^## /m)[0]!.trim()
}

export const errorsPage = (): string => {
  const sections = readdirSync(join(root, 'packages'))
    .toSorted()
    .flatMap(name => {
      const codes = codesSection(readFileSync(join(root, 'packages', name, 'README.md'), 'utf8'))
      return codes === null ? [] : [`## ${name}\n\n${codes}\n`]
    })
  return [HEAD, ...sections].join('\n')
}

/** Codes that a source file makes: first argument of the constructors of errors and faults. */
export const codesMade = (source: string): string[] =>
  [
    ...source.matchAll(/\b(?:MeshError|fault|storeError|cannotWrite|writeWhole)\(\s*'([A-Z][A-Z0-9_]+)'/g)
  ].map(match => match[1]!)

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(root, 'docs/ERRORS.md'), errorsPage())
