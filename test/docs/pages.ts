/** The pages that a reader meets, README.md first, then docs/ in the order of its index. */
import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'

export interface Link {
  /** From the root, without its anchor; empty for one within the page. */
  readonly path: string
  readonly anchor: string
}

/** Links to files of the checkout. */
export const linksIn = (page: string, text: string): Link[] =>
  [...withoutCode(text).matchAll(/\]\((?!https?:|mailto:)([^)\s]*)\)/g)].map(match => {
    const [path = '', anchor = ''] = match[1]!.split('#')
    return { path: path === '' ? page : normalize(join(dirname(page), path)), anchor }
  })

const withoutCode = (text: string): string => text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, '')

/** As GitHub makes them of headings. */
export const anchorsIn = (text: string): string[] =>
  [...text.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)].map(match =>
    match[1]!
      .replace(/[`*]/g, '')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
  )

export const allPages = (root: string): string[] => [
  'README.md',
  ...globSync('docs/**/*.md', { cwd: root }).sort()
]

export const pagesInOrder = async (root: string): Promise<string[]> => {
  const index = 'docs/README.md'
  const listed = linksIn(index, await readFile(join(root, index), 'utf8')).map(({ path }) => path)
  const all = allPages(root)
  const place = (path: string): number => {
    const at = listed.indexOf(path)
    return at === -1 ? listed.length : at
  }
  const [readme = '', ...rest] = all
  return [readme, ...rest.sort((a, b) => place(a) - place(b))]
}
