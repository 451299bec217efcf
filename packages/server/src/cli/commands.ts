import { backup } from './backup.ts';
import { chat } from './chat.ts';
import type { Command } from './command.ts';
import { config } from './config.ts';
import { fsck } from './fsck.ts';
import { restore } from './restore.ts';
import { serve } from './serve.ts';
import { userAdd } from './user-add.ts';

/** All commands, in the order in which help lists them. */
export const commands: readonly Command[] = [serve, chat, userAdd, backup, restore, fsck, config];
