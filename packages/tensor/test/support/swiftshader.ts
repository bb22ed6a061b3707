/** SwiftShader, Chromium's software adapter: a second compiler for the same WGSL, found by its ICD file. */
import { existsSync } from 'node:fs'

const ICDS = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json'
]

export const swiftshader: string | undefined = ICDS.find(path => existsSync(path))
