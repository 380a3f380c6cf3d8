import { fullName, type MoodleSite } from './site.js';

const coreVersion = '2024100706';
const advancedFeatures = (
  'usecomments,usetags,enablenotes,messaging,enableblogs,enablecompletion,enablebadges,messagingallusers,' +
  'enablecustomreports,enableglobalsearch,mnet_dispatcher_mode,enablecompetencies'
).split(',');
const featuresOff = new Set(['messagingallusers', 'enableglobalsearch', 'mnet_dispatcher_mode']);

/** core_webservice_get_site_info: who the token belongs to and which functions its service has. */
export function getSiteInfo(site: MoodleSite, functions: string[]): unknown {
  const { id, username, firstname, lastname } = site.caller;
  const attendanceVersion = site.attendanceVersion === 2026 ? '2026042102' : '2024020500';
  return {
    sitename: site.name,
    username,
    firstname,
    lastname,
    fullname: fullName(site.caller),
    lang: 'en',
    userid: id,
    siteurl: site.url,
    userpictureurl: `${site.url}/theme/image.php/boost/core/1/u/f1`,
    functions: functions.map((name) => ({
      name,
      version: name.startsWith('mod_attendance_') ? attendanceVersion : coreVersion,
    })),
    downloadfiles: 0,
    uploadfiles: 0,
    release: site.release,
    version: coreVersion,
    mobilecssurl: '',
    advancedfeatures: advancedFeatures.map((name) => ({ name, value: featuresOff.has(name) ? 0 : 1 })),
    usercanmanageownfiles: true,
    userquota: 104857600,
    usermaxuploadfilesize: 67108864,
    userhomepage: 1,
    userprivateaccesskey: '00000000000000000000000000000000',
    siteid: 1,
    sitecalendartype: 'gregorian',
    usercalendartype: 'gregorian',
    userissiteadmin: false,
    theme: 'boost',
    limitconcurrentlogins: 0,
    policyagreed: 0,
  };
}
