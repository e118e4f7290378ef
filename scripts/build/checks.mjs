/**
 * A CommonJS package that is imported lazily comes out with a default export alone, and the names are missed only when
 * the line runs. Import it statically from a file of ours and that file lazily, or alias its ES module in build.mjs.
 */
export function refuseNamelessImports({ outputs }) {
  const nameless = Object.values(outputs).filter(
    ({ entryPoint, exports }) => entryPoint?.startsWith('node_modules/') && exports.join() === 'default',
  );
  if (nameless.length > 0)
    throw new Error(`imported lazily, but CommonJS: ${nameless.map((o) => o.entryPoint).join(', ')}`);
}

/** Of chunks that import each other one would see nothing yet: their exports are made at their ends. */
export function refuseCircles({ outputs }) {
  const done = new Set();
  const visit = (path, above) => {
    if (above.includes(path)) throw new Error(`chunks import each other: ${[...above, path].join(', ')}`);
    if (done.has(path)) return;
    const imports = (outputs[path]?.imports ?? []).filter(({ kind }) => kind === 'import-statement');
    for (const next of imports) visit(next.path, [...above, path]);
    done.add(path);
  };
  for (const path of Object.keys(outputs)) visit(path, []);
}
