/** The index names every page, and every link in README.md and docs/ leads somewhere. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { allPages, anchorsIn, linksIn } from './pages.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8')

t.test('the index names every page', async t => {
  const listed = new Set(linksIn('docs/README.md', await read('docs/README.md')).map(({ path }) => path))
  for (const page of allPages(root))
    if (page !== 'README.md' && page !== 'docs/README.md') t.ok(listed.has(page), page)
})

t.test('links lead somewhere', async t => {
  for (const page of allPages(root)) {
    for (const { path, anchor } of linksIn(page, await read(page))) {
      if (!existsSync(join(root, path))) t.fail(`${page}: ${path} is not there`)
      else if (anchor !== '' && !anchorsIn(await read(path)).includes(anchor))
        t.fail(`${page}: ${path} has no heading #${anchor}`)
    }
  }
  t.ok(linksIn('README.md', await read('README.md')).length > 5, 'links are found')
})
