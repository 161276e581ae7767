// Runs a script of a folder in the WebAssembly build of MicroPython. Usage: node run.mjs FOLDER SCRIPT
//
// The interpreter has a file system of its own, in memory; the folder is copied into it as /stage.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const HEAP_BYTES = 8 * 1024 * 1024;
const [folder, script] = process.argv.slice(2);

const micropython = await loadMicroPython({
    heapsize: HEAP_BYTES,
    linebuffer: true,
    stdout: (line) => console.log(line),
});

function copy(from, to) {
    micropython.FS.mkdir(to);
    for (const entry of readdirSync(from, { withFileTypes: true })) {
        const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
        if (entry.isDirectory()) {
            copy(source, target);
        } else {
            micropython.FS.writeFile(target, readFileSync(source));
        }
    }
}

copy(folder, "/stage");
micropython.runPython(`
import os, sys
os.chdir("/stage")
sys.path.insert(0, "/stage")
exec(open(${JSON.stringify(script)}).read(), {"__name__": "__main__"})
`);
