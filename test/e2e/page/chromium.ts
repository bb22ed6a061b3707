/** Debian's Chromium on its software adapter, without a word to the network outside 127.0.0.1. */
import { access } from 'node:fs/promises'
import type { Page } from 'playwright-core'

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader'
]

const executable = async (): Promise<string | undefined> => {
  for (const path of EXECUTABLES) {
    const there = await access(path).then(
      () => true,
      () => false
    )
    if (there) return path
  }
  return undefined
}

/** Null where a page can be opened, else why not. */
export const withoutBrowser = async (): Promise<string | null> => {
  const library = await import('playwright-core').catch(() => undefined)
  if (library === undefined) return 'playwright-core is not installed: npm ci'
  return (await executable()) === undefined ? 'no Chromium here: apt install chromium' : null
}

/** Opens `url` in a browser with an empty profile; both end with `body`, by the process's own id. */
export const inPage = async <T>(url: string, body: (page: Page) => Promise<T>): Promise<T> => {
  const { chromium } = await import('playwright-core')
  const executablePath = await executable()
  const server = await chromium.launchServer({
    headless: true,
    args: FLAGS,
    ...(executablePath !== undefined && { executablePath })
  })
  try {
    const browser = await chromium.connect(server.wsEndpoint())
    const page = await browser.newPage()
    await page.goto(url)
    return await body(page)
  } finally {
    await server.kill()
  }
}
