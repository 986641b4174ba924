#!/usr/bin/env node
import { program } from './cli/program.ts'
import { run } from './cli/run.ts'
import { processTerminal } from './cli/terminal.ts'

process.exitCode = await run(program, process.argv.slice(2), processTerminal)
