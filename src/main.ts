#!/usr/bin/env node
import { program } from './cli/program.ts'
import { run } from './cli/run.ts'
import { processTerminal } from './cli/terminal.ts'

// A failed write must not end a server: its disk may be full, the reader of its log gone.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})

process.exitCode = await run(program, process.argv.slice(2), processTerminal)
