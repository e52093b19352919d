// node --no-warnings wasi-run.mjs PROGRAM.wasm [arguments]: runs a program for wasm32-wasip1.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';
import { argv, env, cwd } from 'node:process';
const [, , file, ...rest] = argv;
const wasi = new WASI({
    version: 'preview1', args: [file, ...rest], env, preopens: { '/': '/', '.': cwd() }, returnOnExit: true,
});
const program = await WebAssembly.compile(await readFile(file));
process.exitCode = wasi.start(await WebAssembly.instantiate(program, wasi.getImportObject()));
