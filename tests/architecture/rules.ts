import { codeOf, importsOf, type Import, type SourceFile } from './scan.ts';

/** What each zone of the code may import besides itself and the protocol. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  sdk: [],
  core: [],
  ports: [],
  data: ['ports', 'core'],
  pump: ['data', 'core', 'ports'],
  methods: ['data', 'core', 'ports'],
  roles: ['methods', 'pump', 'core', 'ports'],
  engines: ['ports'],
  config: [],
  log: ['ports'],
  metrics: ['ports'],
  boot: ['config', 'log', 'metrics', 'core', 'ports', 'data', 'pump', 'methods', 'roles', 'engines'],
  cli: ['boot', 'config', 'log', 'ports', 'sdk'],
  main: ['boot', 'config', 'log', 'cli', 'sdk'],
};

const PACKAGES: Readonly<Record<string, string>> = { '@duolog/protocol': 'protocol', '@duolog/sdk': 'sdk' };
const ROLE_NAMES = ['gateway', 'api', 'worker', 'push'];
const MAY_IMPORT_DRIVERS = ['engines'];
const VAGUE_NAME = /(?:^|[-/.])(?:utils?|common|helpers?|managers?|misc|impl)(?=[-/.]|$)/i;

/** The zone a path belongs to, `undefined` for a place that no rule knows. */
export function zoneOf(path: string): string | undefined {
  const [, inServer] = /^packages\/server\/src\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(path) ?? [];
  const [, inPackage] = /^packages\/(protocol|sdk)\/src\//.exec(path) ?? [];
  const zone = inServer ?? inPackage;
  return zone !== undefined && Object.hasOwn(ARROWS, zone) ? zone : undefined;
}

function roleOf(path: string): string | undefined {
  const [, role] = /^packages\/server\/src\/roles\/([a-z]+)/.exec(path) ?? [];
  return role !== undefined && ROLE_NAMES.includes(role) ? role : undefined;
}

function faultOfImport(file: SourceFile, zone: string, target: Import): string | undefined {
  const [packageName] = /^(?:@[^/]+\/)?[^/]+/.exec(target.name) ?? [target.name];
  const to = target.path === undefined ? PACKAGES[packageName] : zoneOf(target.path);
  if (to === 'protocol' || (to === zone && zone !== 'roles')) return undefined;
  if (to !== undefined) {
    const [from, toRole] = [roleOf(file.path), target.path === undefined ? undefined : roleOf(target.path)];
    if (from !== undefined && toRole !== undefined && from !== toRole) return `role ${from} imports role ${toRole}`;
    return to === zone || (ARROWS[zone] ?? []).includes(to) ? undefined : `${zone} imports ${to}`;
  }
  if (target.path !== undefined) return `${zone} imports ${target.path}, which belongs to no zone`;
  if (target.name.startsWith('node:')) {
    return ['protocol', 'sdk', 'core'].includes(zone) ? `${zone} imports ${target.name}` : undefined;
  }
  return MAY_IMPORT_DRIVERS.includes(zone) ? undefined : `${zone} imports the driver ${target.name}`;
}

function faultsOfCode(file: SourceFile, zone: string): readonly string[] {
  const code = codeOf(file.text);
  const listens = zone === 'roles' && /\/listener[^/]*\.ts$/.test(file.path);
  const rules: readonly (readonly [boolean, RegExp, string])[] = [
    [zone !== 'engines' && !listens, /\bBun\s*[.[]/, 'uses Bun outside engines and the listener'],
    [zone !== 'config', /\b(?:process|import\.meta|Bun)\s*\.\s*env\b/, 'reads the environment outside config.ts'],
    [zone === 'core', /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b/, 'core reads a clock or chance'],
    [zone === 'core', /\bset(?:Timeout|Interval)\b|\bcrypto\s*\.|\basync\b/, 'core waits or acts'],
  ];
  return rules.flatMap(([applies, pattern, fault]) => (applies && pattern.test(code) ? [fault] : []));
}

function faultsOfSource(file: SourceFile): readonly string[] {
  const zone = zoneOf(file.path);
  if (zone === undefined) return ['belongs to no zone'];
  const bunOk = zone === 'engines' || (zone === 'roles' && /\/listener[^/]*\.ts$/.test(file.path));
  const imports = importsOf(file).filter(({ name }) => !(bunOk && (name === 'bun' || name.startsWith('bun:'))));
  return [...imports.flatMap((target) => faultOfImport(file, zone, target) ?? []), ...faultsOfCode(file, zone)];
}

/** A test may use everything of its own package, engines too, and the tools of testing; not another package's inside. */
function faultsOfTest(file: SourceFile): readonly string[] {
  const [home = ''] = /^packages\/[^/]+\//.exec(file.path) ?? [];
  const outside = importsOf(file).filter(({ path }) => path !== undefined && !path.startsWith(home));
  const strays = outside.map(({ path }) => `a test beside its code imports ${path}; it belongs in tests/`);
  return /\b(?:test|describe|it)\.only\b/.test(codeOf(file.text)) ? [...strays, 'runs only some of its tests'] : strays;
}

/** Every fault of one file, as `path: what is wrong`. */
export function faultsOf(file: SourceFile): readonly string[] {
  const named = VAGUE_NAME.test(file.path) ? ['has a name that says nothing'] : [];
  const isTest = /\.test\.[cm]?[jt]sx?$/.test(file.path);
  const isSource = /^packages\/[^/]+\/src\//.test(file.path);
  const faults = isTest ? faultsOfTest(file) : isSource ? faultsOfSource(file) : [];
  return [...named, ...faults].map((fault) => `${file.path}: ${fault}`);
}
