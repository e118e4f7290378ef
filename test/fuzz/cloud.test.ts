import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInterfaces, decodeTables } from '../../src/drivers/cloud/aws/decode.js';
import { elementAt, parseXml, textAt, type XmlElement } from '../../src/drivers/cloud/aws/xml.js';

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
