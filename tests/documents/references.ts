/** What documents refer to: files by link or by name, and commands. */

/** Targets of relative links, without their anchors. */
export const linksIn = (markdown: string): readonly string[] =>
  [...markdown.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^\w+:/.test(target));

/** Source files in backticks, by their whole path or by its end: `pump/edge.ts`. */
export const sourcesIn = (markdown: string): readonly string[] =>
  [...markdown.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\.m?ts)`/g)].map(([, name = '']) => name);

/** Scripts that are run by npm: `npm run sim -- …`. */
export const scriptsIn = (markdown: string): readonly string[] =>
  [...markdown.matchAll(/\bnpm run ([\w-]+)/g)].map(([, name = '']) => name);
