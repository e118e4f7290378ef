import type { PlanDocument } from '../report/document.js';
import { planAnnotations } from '../report/github.js';
import { planCommands } from '../report/ip-commands.js';
import { planMarkdown } from '../report/markdown.js';
import { ndjson, planEvents, versionEvent } from '../report/ndjson.js';
import { planDiff } from '../report/unified-diff.js';
import { yamlText } from '../report/yaml.js';
import type { PlanFormat } from './plan-flags.js';

/** The forms of a plan that only machines and other tools ask for; text and JSON are the commands' own. */
export type OtherFormat = Exclude<PlanFormat, 'text' | 'json'>;

export function renderPlan(document: PlanDocument, format: OtherFormat): string {
  switch (format) {
    case 'ndjson':
      return ndjson([versionEvent(), ...planEvents(document)]);
    case 'yaml':
      return yamlText(document);
    case 'markdown':
      return planMarkdown(document);
    case 'github':
      return planAnnotations(document);
    case 'ip':
      return planCommands(document);
    case 'diff':
      return planDiff(document);
  }
}
