#!/usr/bin/env node
import { keepCompiledCode } from './code-cache.ts'
import { commands } from './commands/index.ts'
import { processIo } from './io.ts'
import { runCli } from './run.ts'
import { startSteadily } from './steady-memory.ts'

keepCompiledCode(process.env)
startSteadily()
process.exitCode = await runCli(process.argv.slice(2), {
  commands,
  env: process.env,
  io: processIo(process.argv.includes('--json'))
})
