// run-page.mjs - what the platform does around a page: Page(), setData() and the life of a page; each change of data is
// printed as one line of JSON. node run-page.mjs PAGE '{"appId": …}'; a line "unload" on standard input ends it.
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';
import { disconnect } from 'rtcroom';

let page = null;

globalThis.Page = (definition) => {
  page = Object.create(definition);
  page.data = structuredClone(definition.data);
  page.setData = (changes) => {
    Object.assign(page.data, changes);
    console.log(JSON.stringify(page.data));
    if (page.data.line === 'left') disconnect(); // the connection is all that keeps node running
  };
};

const [, , path, query] = process.argv;
await import(pathToFileURL(path));
page.onLoad(JSON.parse(query));
readline.createInterface({ input: process.stdin }).once('line', () => {
  page.onUnload();
  process.stdin.destroy();
});
