import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codesMade, codesSection, errorsPage, root } from './errors.ts'

/** Codes of the suites that ports are tested with: no user meets them. */
const TEST_SUITES = /\/contract\.ts$/

t.test('the page is the sum of the READMEs', async t => {
  t.equal(readFileSync(join(root, 'docs/ERRORS.md'), 'utf8'), errorsPage(), 'run `node test/tidy/errors.ts`')
})

t.test('every code that a source makes is explained', async t => {
  const page = errorsPage()
  const files = execFileSync('git', ['ls-files', 'packages/*/src/*.ts', 'packages/*/src/**/*.ts'], {
    cwd: root,
    encoding: 'utf8'
  })
  const sources = [...new Set(files.trim().split('\n'))].filter(file => !TEST_SUITES.test(file))
  t.ok(sources.length > 100, `${sources.length} sources read`)
  for (const file of sources) {
    for (const code of codesMade(readFileSync(join(root, file), 'utf8'))) {
      if (!page.includes(`\`${code}\``)) t.fail(`${code} of ${file} stands in no README`)
    }
  }
})

t.test('the reader of codes and sections can see', async t => {
  t.strictSame(codesMade("throw new MeshError(\n  'A_B', 'x')\nreturn fault('C_D')\nstoreError('E_F', 1)"), [
    'A_B',
    'C_D',
    'E_F'
  ])
  t.strictSame(codesMade("const code = 'NOT_MADE'"), [])
  t.equal(codesSection('# x\n\n## Codes\n\na\n\n## Limits\n\nb'), 'a')
  t.equal(codesSection('# x\n'), null)
})
