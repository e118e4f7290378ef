import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusedBy as refusedByAli } from '../../src/drivers/cloud/ali/api.js';
import { decodeRole as aliRole } from '../../src/drivers/cloud/ali/credentials.js';
import { decodeTables as aliTables, decodeEntries } from '../../src/drivers/cloud/ali/decode.js';
import { decodeRole as awsRole } from '../../src/drivers/cloud/aws/credentials.js';
import { decodeInterfaces, decodeTables } from '../../src/drivers/cloud/aws/decode.js';
import { refusedBy as refusedByEc2 } from '../../src/drivers/cloud/aws/query.js';
import { elementAt, parseXml, textAt, type XmlElement } from '../../src/drivers/cloud/aws/xml.js';
import { refusedBy as refusedByGce } from '../../src/drivers/cloud/gce/api.js';
import { decodeInstance, decodeRoutes } from '../../src/drivers/cloud/gce/decode.js';
import type { HttpAnswer } from '../../src/drivers/cloud/http.js';
import { responseOf } from '../../src/drivers/cloud/tencent/api.js';
import { decodeRole as tencentRole } from '../../src/drivers/cloud/tencent/credentials.js';
import { decodeTables as tencentTables } from '../../src/drivers/cloud/tencent/decode.js';
import { FlanError } from '../../src/errors.js';
import type { CloudEntry } from '../../src/kinds/cloud-route.js';
import type { Json, JsonObject } from '../../src/model/json.js';

const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9]{0,8}$/);
const EC2_NAMES = [
  'reservationSet',
  'instancesSet',
  'networkInterfaceSet',
  'item',
  'routeTableSet',
  'routeSet',
  'vpcId',
];
const EC2_LEAVES = [
  'networkInterfaceId',
  'routeTableId',
  'destinationCidrBlock',
  'state',
  'origin',
  'privateIpAddress',
];
const element = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 8 },
    fc.record({
      name: fc.oneof(name, fc.constantFrom(...EC2_LEAVES)),
      text: fc.string().map((text) => text.trim()),
      children: fc.constant([]),
    }),
    fc.record({
      name: fc.oneof(name, fc.constantFrom(...EC2_NAMES)),
      text: fc.constant(''),
      children: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
    }),
  ),
})).tree;
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('\r', '&#13;');
const written = ({ name, text, children }: XmlElement): string =>
  children.length === 0 && text === ''
    ? `<${name}/>`
    : `<${name}>${escaped(text)}${children.map(written).join('')}</${name}>`;
const trimmed = ({ name, text, children }: XmlElement): XmlElement => ({
  name,
  text: text.trim(),
  children: children.map(trimmed),
});

/** Objects whose members are called as those of the answers, and hold anything. */
const answer = (names: readonly string[]): fc.Arbitrary<JsonObject> =>
  fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 7 },
      fc.constantFrom<Json>('10.244.1.0/24', 'Custom', 'USER', 'NORMAL_CVM', '', null, true, 1000),
      fc.string(),
      fc.double(),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 8 }),
  })).object;

const JSON_DECODERS: readonly (readonly [string, readonly string[], (value: JsonObject) => readonly CloudEntry[]])[] = [
  [
    'Compute Engine',
    ['items', 'name', 'destRange', 'network', 'nextHopInstance', 'priority', 'tags', 'warnings', 'code', 'selfLink'],
    (value) => {
      decodeInstance(value);
      return decodeRoutes(value, 'p');
    },
  ],
  [
    'Tencent',
    [
      'RouteTableSet',
      'RouteSet',
      'AssociationSet',
      'RouteTableId',
      'VpcId',
      'DestinationCidrBlock',
      'GatewayId',
      'RouteType',
    ],
    (value) => tencentTables(value).flatMap(({ entries }) => entries),
  ],
  [
    'Alibaba',
    [
      'RouteEntrys',
      'RouteEntry',
      'NextHops',
      'NextHop',
      'DestinationCidrBlock',
      'RouterTableList',
      'RouterTableListType',
      'VSwitchIds',
    ],
    (value) => {
      aliTables(value);
      return decodeEntries(value, 't');
    },
  ],
];

describe.each(JSON_DECODERS)('answers of %s', (_cloud, names, decode) => {
  it('decode to routes with a destination, or to nothing', () => {
    fc.assert(
      fc.property(answer(names), (value) => {
        for (const { dst } of decode(value)) expect(dst).toContain('/');
      }),
      { numRuns: 500 },
    );
  });
});

it.each([
  ['AWS', awsRole],
  ['Tencent', tencentRole],
  ['Alibaba', aliRole],
] as const)('credentials of %s are refused with an error of flan, whatever they are', (_cloud, decode) => {
  const names = ['AccessKeyId', 'SecretAccessKey', 'Token', 'Code', 'TmpSecretId', 'TmpSecretKey', 'AccessKeySecret'];
  const texts = fc.oneof(
    fc.string(),
    answer(names).map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const { id, secret } = decode(text, 'x');
        expect([typeof id, typeof secret]).toEqual(['string', 'string']);
      } catch (error) {
        expect(error).toBeInstanceOf(FlanError);
      }
    }),
  );
});

const REFUSALS: readonly (readonly [string, (answer: HttpAnswer) => unknown])[] = [
  ['EC2', (one) => refusedByEc2(one, 'CreateRoute')],
  ['Compute Engine', (one) => refusedByGce(one, 'compute.routes.create')],
  ['Alibaba', (one) => refusedByAli(one, 'CreateRouteEntry')],
  ['Tencent', (one) => responseOf(one, 'CreateRoutes')],
];

it.each(REFUSALS)('refusals of %s become errors of flan that are short and say what was asked', (_cloud, read) => {
  const names = ['error', 'errors', 'reason', 'message', 'Code', 'Message', 'Response', 'Error'];
  const text = fc.oneof(
    fc.string(),
    element.map(written),
    answer(names).map((value) => JSON.stringify(value)),
  );
  const status = fc.constantFrom(200, 301, 400, 401, 403, 404, 409, 412, 429, 500, 503);
  fc.assert(
    fc.property(text, status, fc.string(), (body, code, wait) => {
      try {
        const error = read({ status: code, headers: { 'retry-after': wait }, text: body });
        if (error instanceof Error) throw error;
      } catch (error) {
        expect(error).toBeInstanceOf(FlanError);
        expect((error as FlanError).message.length).toBeLessThan(3000);
        if (code === 429) expect((error as FlanError).retry).toBe(true);
      }
    }),
  );
});

describe('answers of EC2', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(element, (tree) => {
        const text = `<?xml version="1.0"?>\n<!-- a -->${written(tree)}\n`;
        expect(trimmed(parseXml(text))).toEqual(trimmed(tree));
      }),
    );
  });

  it('are refused as a SyntaxError, whatever they are', () => {
    const pieces = fc.constantFrom(
      '<a>',
      '</a>',
      '<a',
      '<a/>',
      '&amp;',
      '&x;',
      '&#x41;',
      '&#xffffff;',
      '<!-- ',
      '-->',
      '<?',
      '?>',
      ' b="c"',
      ']]>',
      '<![CDATA[',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join('')),
          element.map(written).chain((whole) => fc.nat(whole.length).map((end) => whole.slice(0, end))),
        ),
        (text) => {
          try {
            parseXml(text);
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxError);
          }
        },
      ),
    );
  });

  it('decode to something or nothing, whatever is in them', () => {
    fc.assert(
      fc.property(element, (tree) => {
        expect(Array.isArray(decodeInterfaces(tree))).toBe(true);
        for (const { entries } of decodeTables(tree)) for (const { dst } of entries) expect(dst).toContain('/');
      }),
    );
  });

  it('are not followed too deep', () => {
    expect(() => parseXml('<a>'.repeat(100))).toThrow(SyntaxError);
    expect(() => parseXml('<a>'.repeat(100_000))).toThrow(SyntaxError);
  });

  it('find what is on a path', () => {
    const root = parseXml('<r a="1"><s x:y=\'2\'> <t> v &#x26; w </t></s></r>');
    expect(textAt(root, 's', 't')).toBe('v & w');
    expect(elementAt(root, 's', 'u')).toBeUndefined();
  });
});
