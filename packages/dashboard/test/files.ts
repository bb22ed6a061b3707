import t from 'tap'
import { dashboardFiles } from '../src/index.ts'

const files = dashboardFiles()
const textOf = (path: string): string => new TextDecoder().decode(files.get(path)?.body)

t.test('every file has its media type; the page itself stands at /', async t => {
  const types: Record<string, string> = Object.fromEntries([...files].map(([path, { type }]) => [path, type]))
  t.match(types, {
    '/': 'text/html; charset=utf-8',
    '/main.js': 'text/javascript; charset=utf-8',
    '/style.css': 'text/css; charset=utf-8',
    '/icon.svg': 'image/svg+xml'
  })
  for (const [path, { body }] of files) t.ok(body.length > 0, path)
})

t.test('nothing is loaded from elsewhere, and nothing that the policy forbids is tried', async t => {
  for (const path of files.keys()) {
    // The namespaces of SVG are names, not addresses.
    const text = textOf(path).replaceAll('http://www.w3.org/2000/svg', '')
    t.notMatch(text, /(?:https?:)?\/\/[a-z0-9-]+\.[a-z]/i, `${path}: no address of another host`)
    t.notMatch(
      text,
      /\son[a-z]+=|<style|\sstyle=|javascript:|<script(?![^>]*\ssrc=)/i,
      `${path}: nothing inline`
    )
    t.notMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function/,
      `${path}: text stays text`
    )
    t.notMatch(text, /setAttribute\('style'/, `${path}: no inline style`)
  }
})

t.test('every file that a file names exists', async t => {
  const page = textOf('/')
  const linked = [...page.matchAll(/(?:src|href)="(\/[a-z]+\.[a-z]+)"/g)].map(match => match[1]!)
  t.strictSame(linked.sort(), ['/icon.svg', '/main.js', '/style.css', '/openapi.json'].sort())
  for (const path of linked) if (path !== '/openapi.json') t.ok(files.has(path), path)
  const scripts = [...files.keys()].filter(path => path.endsWith('.js'))
  const imported = scripts.flatMap(path =>
    [...textOf(path).matchAll(/from '\.(\/[a-z]+\.js)'/g)].map(match => match[1]!)
  )
  for (const path of imported) t.ok(files.has(path), path)
  t.strictSame([...new Set([...imported, '/main.js'])].sort(), scripts.sort(), 'and no script is unused')
})

t.test('every element that the script asks for is on the page', async t => {
  const ids = [...textOf('/').matchAll(/\bid="([a-z-]+)"/g)].map(match => match[1]!)
  t.equal(new Set(ids).size, ids.length, 'ids are unique')
  const scripts = [...files.keys()].filter(path => path.endsWith('.js')).map(textOf)
  const asked = [...scripts.join('').matchAll(/byId\('([a-z-]+)'\)/g)].map(match => match[1]!)
  t.ok(asked.length > 10)
  for (const id of asked) t.ok(ids.includes(id), id)
  for (const [, id] of textOf('/').matchAll(/aria-labelledby="([a-z-]+)"/g)) t.ok(ids.includes(id!), id!)
})
